//! Replies as the contract knows them: nested ones flattened in the order of the wire.

use redis::Value;

use crate::capability::redis::RedisValue;

/// The values of one reply. Lists and maps are preceded by their length.
pub(super) fn flatten(value: Value) -> Vec<RedisValue> {
    let mut flat = Vec::with_capacity(1);
    push(value, &mut flat);
    flat
}

/// The library's parser refuses replies nested more than 100 deep, which bounds this recursion.
fn push(value: Value, flat: &mut Vec<RedisValue>) {
    match value {
        Value::Nil => flat.push(RedisValue::Nil),
        Value::Int(integer) => flat.push(RedisValue::Integer(integer)),
        Value::Double(double) => flat.push(RedisValue::Double(double)),
        Value::Boolean(boolean) => flat.push(RedisValue::Boolean(boolean)),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => flat.push(text_or_bytes(bytes)),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => flat.push(RedisValue::Text(text)),
        Value::Okay => flat.push(RedisValue::Text("OK".to_owned())),
        Value::Array(items) | Value::Set(items) | Value::Push { data: items, .. } => {
            flat.push(RedisValue::Items(count(items.len())));
            items.into_iter().for_each(|item| push(item, flat));
        }
        Value::Map(pairs) => {
            flat.push(RedisValue::Pairs(count(pairs.len())));
            for (key, value) in pairs {
                push(key, flat);
                push(value, flat);
            }
        }
        Value::Attribute { data, .. } => push(*data, flat),
        Value::ServerError(error) => {
            let text =
                error.details().map_or_else(|| error.code().to_owned(), |more| format!("{} {more}", error.code()));
            flat.push(RedisValue::Error(text));
        }
        // The library may learn further kinds; a guest learns of them as an error, not as a number.
        _ => flat.push(RedisValue::Error("ERR a reply of a kind that this host does not know".to_owned())),
    }
}

/// The bound on replies keeps any length far below 2^32.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn text_or_bytes(bytes: Vec<u8>) -> RedisValue {
    String::from_utf8(bytes).map_or_else(|error| RedisValue::Bytes(error.into_bytes()), RedisValue::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_replies_are_flattened_in_the_order_of_the_wire() {
        let reply = Value::Array(vec![
            Value::Int(1),
            Value::Map(vec![(Value::SimpleString("k".into()), Value::Nil)]),
            Value::BulkString(vec![0xff]),
            Value::Array(vec![]),
        ]);
        let expected = [
            RedisValue::Items(4),
            RedisValue::Integer(1),
            RedisValue::Pairs(1),
            RedisValue::Text("k".into()),
            RedisValue::Nil,
            RedisValue::Bytes(vec![0xff]),
            RedisValue::Items(0),
        ];
        assert_eq!(flatten(reply), expected);
    }
}
