//! Text of a guest, made fit for logs, conditions and Events: one line, bounded, control characters escaped.

/// `text` on one line of at most `bytes_max` bytes; what was cut is marked by an ellipsis.
pub(crate) fn line(text: &str, bytes_max: usize) -> String {
    const ELLIPSIS: char = '…';
    let mut line = String::with_capacity(text.len().min(bytes_max));
    for letter in text.chars() {
        let start = line.len();
        if letter.is_control() || is_direction(letter) {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
        if line.len() > bytes_max {
            line.truncate(start);
            while line.len() > bytes_max.saturating_sub(ELLIPSIS.len_utf8()) {
                line.pop();
            }
            line.push(ELLIPSIS);
            break;
        }
    }
    line
}

/// Characters that turn the direction of writing, and so can make a log line read as another one.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(line("a\nb\u{1b}[31m\u{202e}c", 100), "a\\nb\\u{1b}[31m\\u{202e}c");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(line("ääääää", 9), "äää…");
        assert_eq!(line("ääää", 8), "ääää");
    }

    #[test]
    fn whatever_is_written_ends_up_on_one_line_within_its_bound() {
        let inputs = (crate::fuzz::text(), 3_usize..2_000);
        crate::fuzz::target("text of a guest", inputs, |(text, bytes_max)| {
            crate::fuzz::assert_printable(&line(&text, bytes_max), bytes_max);
        });
    }
}
