//! What a RabbitMQ of ours reads when it starts.
//!
//! Owns its configuration files and its environment. Everything that the scripts of the package would read below `/etc` or
//! write below `/var` is named, so that nothing of the machine is used.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{ClientCertificate, Ports, RabbitMqOptions, Tls};

/// Writes the files into its folder.
pub(super) fn write(options: &RabbitMqOptions, ports: &Ports, tls: Option<&Tls>, directory: &Path) -> Result<()> {
    let mut plugins = vec!["rabbitmq_management".to_owned()];
    if options.client_certificate == ClientCertificate::IsTheUser {
        plugins.push("rabbitmq_auth_mechanism_ssl".to_owned());
    }
    plugins.extend(options.plugins.iter().cloned());
    let files = [
        ("rabbitmq.conf", settings(options, ports, tls)),
        ("advanced.config", terms(options)),
        ("enabled_plugins", format!("[{}].\n", plugins.join(","))),
    ];
    for (name, text) in files {
        fs::write(directory.join(name), text).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

fn settings(options: &RabbitMqOptions, ports: &Ports, tls: Option<&Tls>) -> String {
    let mut lines = vec![
        format!("listeners.tcp.1 = {}", ports.own_amqp),
        format!("management.tcp.ip = {}", ports.own_http.ip()),
        format!("management.tcp.port = {}", ports.own_http.port()),
        "loopback_users = none".to_owned(),
        // Numbers are a second old at most; RabbitMQ's own default is five.
        "collect_statistics_interval = 1000".to_owned(),
        "log.console = true".to_owned(),
        "log.console.level = warning".to_owned(),
        "log.file = false".to_owned(),
        // A test machine may be full to the brim.
        "disk_free_limit.absolute = 1MB".to_owned(),
    ];
    if let Some(tls) = tls {
        lines.push(format!("listeners.ssl.1 = {}", ports.amqp));
        lines.push(format!("management.ssl.ip = {}", ports.http.ip()));
        lines.push(format!("management.ssl.port = {}", ports.http.port()));
        let demanded = options.client_certificate != ClientCertificate::Ignored;
        for section in ["ssl_options", "management.ssl"] {
            lines.extend([
                format!("{section}.cacertfile = {}", tls.authority.certificate.display()),
                format!("{section}.certfile = {}", tls.own.certificate.display()),
                format!("{section}.keyfile = {}", tls.own.key.display()),
                format!("{section}.verify = {}", if demanded { "verify_peer" } else { "verify_none" }),
                format!("{section}.fail_if_no_peer_cert = {demanded}"),
            ]);
        }
    }
    if options.client_certificate == ClientCertificate::IsTheUser {
        let mechanisms = ["auth_mechanisms.1 = PLAIN", "auth_mechanisms.2 = EXTERNAL"];
        lines.extend(mechanisms.map(str::to_owned));
        lines.push("ssl_cert_login_from = common_name".to_owned());
    }
    lines.extend(options.configuration.iter().cloned());
    lines.join("\n") + "\n"
}

/// What cannot be said in lines: names and passwords of any characters, and rates over a second instead of five.
fn terms(options: &RabbitMqOptions) -> String {
    let bytes = |text: &str| {
        let numbers: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
        format!("<<{}>>", numbers.join(","))
    };
    format!(
        "[{{rabbit, [{{default_user, {}}}, {{default_pass, {}}}]}},\n {{rabbitmq_management_agent, \
         [{{sample_retention_policies, [{{global, [{{60, 1}}]}}, {{basic, [{{60, 1}}]}}, {{detailed, [{{60, 1}}]}}]}}]}}].\n",
        bytes(&options.user),
        bytes(&options.password)
    )
}

/// The environment of the broker and of the daemon that knows it by name.
pub(super) fn environment(ports: &Ports, directory: &Path) -> Vec<(String, String)> {
    let file = |name: &str| directory.join(name).display().to_string();
    let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
    let pairs = [
        ("HOME", directory.display().to_string()),
        ("ERL_EPMD_PORT", ports.names.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_CRASH_DUMP", file("crash.dump")),
        ("RABBITMQ_NODENAME", "rabbit@localhost".to_owned()),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        ("RABBITMQ_MNESIA_BASE", file("data")),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", file("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", file("generated")),
        ("RABBITMQ_LOG_BASE", file("log")),
        ("RABBITMQ_LOGS", "-".to_owned()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback.to_owned()),
        // So the script becomes the broker instead of its parent, and signals reach the broker itself. The broker reads
        // no input all the same.
        ("RABBITMQ_ALLOW_INPUT", "true".to_owned()),
        ("RABBITMQ_SERVER_START_ARGS", "-noinput".to_owned()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}
