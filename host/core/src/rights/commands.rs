//! Which commands of Redis a component may send: those that read and cost little without being asked for, those that read
//! and cost more where they are granted, and no others, whoever grants them.

/// Commands that read and answer in constant or closely bounded time. Never here: whatever writes, blocks, walks the key
/// space (KEYS, SCAN), runs code (EVAL, FCALL), or speaks of other clients and of configuration.
pub const READING: [&str; 35] = [
    "BITCOUNT",
    "DBSIZE",
    "EXISTS",
    "GET",
    "GETBIT",
    "GETRANGE",
    "HEXISTS",
    "HGET",
    "HLEN",
    "HMGET",
    "HSTRLEN",
    "INFO",
    "LINDEX",
    "LLEN",
    "MGET",
    "PEXPIRETIME",
    "PING",
    "PTTL",
    "SCARD",
    "SISMEMBER",
    "SMISMEMBER",
    "STRLEN",
    "TIME",
    "TTL",
    "TYPE",
    "XINFO",
    "XLEN",
    "XPENDING",
    "ZCARD",
    "ZCOUNT",
    "ZLEXCOUNT",
    "ZMSCORE",
    "ZRANK",
    "ZREVRANK",
    "ZSCORE",
];

/// Commands that read keys which they name, in time that grows with what is in them: an operator who knows how large those
/// are can grant them. Not here, though they read: KEYS, SCAN and RANDOMKEY, which walk over everybody's keys; SORT_RO,
/// whose patterns name other keys; XREAD, which may wait; PFCOUNT, which writes what it counted; GETEX and others that change
/// what they read; LCS, whose cost is a product; SRANDMEMBER and its like, which answer a small key at any length.
pub const GRANTABLE: [&str; 29] = [
    "BITFIELD_RO",
    "BITPOS",
    "EXPIRETIME",
    "GEODIST",
    "GEOHASH",
    "GEOPOS",
    "GEOSEARCH",
    "HGETALL",
    "HKEYS",
    "HSCAN",
    "HVALS",
    "LPOS",
    "LRANGE",
    "OBJECT",
    "SDIFF",
    "SINTER",
    "SINTERCARD",
    "SMEMBERS",
    "SSCAN",
    "SUNION",
    "XRANGE",
    "XREVRANGE",
    "ZDIFF",
    "ZINTER",
    "ZINTERCARD",
    "ZRANGE",
    "ZREVRANGE",
    "ZSCAN",
    "ZUNION",
];

/// What nobody can grant, and why: the ceiling.
pub fn judge(command: &str) -> Result<(), String> {
    let known = command.to_ascii_uppercase();
    if READING.contains(&known.as_str()) || GRANTABLE.contains(&known.as_str()) {
        return Ok(());
    }
    Err(format!(
        "{command:?} cannot be granted: whatever writes, walks over keys that it does not name, runs code or waits is \
         never let through, and no command that this host does not know; besides those that need no grant there are {}",
        GRANTABLE.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_writes_walks_runs_or_waits_is_above_the_ceiling() {
        for name in [
            "SET",
            "DEL",
            "KEYS",
            "SCAN",
            "RANDOMKEY",
            "EVAL",
            "EVALSHA",
            "EVAL_RO",
            "FCALL",
            "FCALL_RO",
            "BLPOP",
            "XREAD",
            "SUBSCRIBE",
            "WAIT",
            "CONFIG",
            "CLIENT",
            "ACL",
            "AUTH",
            "SELECT",
            "MONITOR",
            "DEBUG",
            "FLUSHALL",
            "SORT",
            "SORT_RO",
            "PFCOUNT",
            "GETDEL",
            "GETEX",
            "SPOP",
            "BITFIELD",
            "ZRANGESTORE",
            "SCRIPT",
            "FUNCTION",
            "MULTI",
            "RESET",
            "MIGRATE",
            "MEMORY",
            "MODULE",
            "",
        ] {
            let why = judge(name).unwrap_err();
            assert!(why.starts_with(&format!("{name:?} cannot be granted: ")), "{why}");
        }
    }

    #[test]
    fn what_reads_the_keys_that_it_names_can_be_granted_in_any_case() {
        for name in ["SMEMBERS", "hgetall", "LRange", "GETRANGE"] {
            assert_eq!(judge(name), Ok(()), "{name}");
        }
        assert!(GRANTABLE.iter().all(|name| !READING.contains(name)));
    }
}
