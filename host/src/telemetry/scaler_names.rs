//! Trigger types → KEDA's names of scalers, which dashboards filter by: the names of types in its source.

/// What KEDA writes into label `scaler` for a trigger without a name of its own.
pub(super) fn scaler_name(trigger_type: &str) -> String {
    let irregular = match trigger_type {
        "redis" | "redis-cluster" | "redis-sentinel" => "redisScaler",
        "redis-streams" | "redis-cluster-streams" | "redis-sentinel-streams" => "redisStreamsScaler",
        "rabbitmq" => "rabbitMQScaler",
        "cpu" | "memory" => "cpuMemoryScaler",
        _ => return regular(trigger_type),
    };
    irregular.to_owned()
}

/// `metrics-api` → `metricsAPIScaler` in KEDA, `metricsApiScaler` here: a type that is not in the table above has the
/// nearest name that a rule gives.
fn regular(trigger_type: &str) -> String {
    let mut name = String::with_capacity(trigger_type.len() + "Scaler".len());
    let mut raise = false;
    for letter in trigger_type.chars() {
        match letter {
            '-' | '_' | '.' => raise = !name.is_empty(),
            _ if raise => {
                name.extend(letter.to_uppercase());
                raise = false;
            }
            _ => name.push(letter),
        }
    }
    name + "Scaler"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalers_are_called_as_dashboards_know_them() {
        for (trigger_type, name) in [
            ("redis", "redisScaler"),
            ("redis-sentinel-streams", "redisStreamsScaler"),
            ("rabbitmq", "rabbitMQScaler"),
            ("prometheus", "prometheusScaler"),
            ("aws-sqs-queue", "awsSqsQueueScaler"),
        ] {
            assert_eq!(scaler_name(trigger_type), name);
        }
    }
}
