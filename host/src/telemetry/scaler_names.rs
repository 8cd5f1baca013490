//! Trigger types → KEDA's names of scalers, which dashboards filter by: the names of types in its source.

use std::borrow::Cow;

/// Names that no rule gives. A test compares all of them with KEDA's source.
const IRREGULAR: &[(&str, &str)] = &[
    ("activemq", "activeMQScaler"),
    ("arangodb", "arangoDBScaler"),
    ("artemis-queue", "artemisScaler"),
    ("aws-dynamodb", "awsDynamoDBScaler"),
    ("aws-dynamodb-streams", "awsDynamoDBStreamsScaler"),
    ("azure-cosmosdb", "azureCosmosDBScaler"),
    ("azure-eventhub", "azureEventHubScaler"),
    ("azure-servicebus", "azureServiceBusScaler"),
    ("beanstalkd", "BeanstalkdScaler"),
    ("couchdb", "couchDBScaler"),
    ("cpu", "cpuMemoryScaler"),
    ("gcp-cloudtasks", "gcpCloudTasksScaler"),
    ("gcp-pubsub", "pubsubScaler"),
    ("gcp-spanner", "spannerScaler"),
    ("gcp-stackdriver", "stackdriverScaler"),
    ("gcp-storage", "gcsScaler"),
    ("influxdb", "influxDBScaler"),
    ("memory", "cpuMemoryScaler"),
    ("metrics-api", "metricsAPIScaler"),
    ("mongodb", "mongoDBScaler"),
    ("mysql", "mySQLScaler"),
    ("nats-jetstream", "natsJetStreamScaler"),
    ("new-relic", "newrelicScaler"),
    ("postgresql", "postgreSQLScaler"),
    ("predictkube", "PredictKubeScaler"),
    ("rabbitmq", "rabbitMQScaler"),
    ("redis-cluster", "redisScaler"),
    ("redis-cluster-streams", "redisStreamsScaler"),
    ("redis-sentinel", "redisScaler"),
    ("redis-sentinel-streams", "redisStreamsScaler"),
    ("solace-direct-messaging", "SolaceDMScaler"),
    ("solace-event-queue", "SolaceScaler"),
    ("solarwinds", "solarWindsScaler"),
    ("splunk", "SplunkScaler"),
];

/// What KEDA writes into label `scaler` for a trigger without a name of its own.
pub fn scaler_name(trigger_type: &str) -> Cow<'static, str> {
    match IRREGULAR.iter().find(|(known, _)| *known == trigger_type) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(regular(trigger_type)),
    }
}

/// `aws-sqs-queue` → `awsSqsQueueScaler`.
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
            ("cron", "cronScaler"),
            ("kubernetes-workload", "kubernetesWorkloadScaler"),
            ("aws-sqs-queue", "awsSqsQueueScaler"),
        ] {
            assert_eq!(scaler_name(trigger_type), name);
        }
    }
}
