//! A real Redis.
//!
//! Owns one server with its certificate authority, its password and its data, which it forgets when it ends. Refuses to
//! answer without the password, where there is one.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::free_port;
use crate::authority::{Authority, Subject};
use crate::paths;
use crate::process::{Life, Process, Recipe, output};
use crate::wait::{self, Stop};

/// How a Redis is to be.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Where it listens: loopback, or the real node's address.
    pub address: IpAddr,
    /// Its port; a free one by default.
    pub port: Option<u16>,
    /// Whether it speaks TLS, and nothing else.
    pub tls: bool,
    /// Its password.
    pub password: Option<String>,
    /// Names for which its certificate is good besides its address and `localhost`.
    pub hosts: Vec<String>,
    /// The network namespace in which it runs, of a [`super::BlackHole`].
    pub namespace: Option<String>,
}

impl Default for RedisOptions {
    /// On loopback, in the clear, without a password.
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: None,
            tls: false,
            password: None,
            hosts: Vec::new(),
            namespace: None,
        }
    }
}

/// A running Redis. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    options: RedisOptions,
    address: SocketAddr,
    authority: Option<Authority>,
    directory: PathBuf,
}

impl Redis {
    /// Starts one and waits until it answers, some 0.1 s.
    ///
    /// # Errors
    /// redis-server is not installed, or does not start.
    pub fn start(options: RedisOptions) -> Result<Self> {
        let Some(program) = paths::program("redis-server") else {
            bail!("redis-server is missing: apt-get install redis-server redis-tools")
        };
        let directory = paths::own_directory("redis");
        fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        // A port that is free here says nothing about a namespace, where every port is.
        let port = match (options.port, &options.namespace) {
            (Some(port), _) => port,
            (None, Some(_)) => 6379,
            (None, None) => free_port(options.address)?,
        };
        let authority = options.tls.then(|| Authority::create(&directory, "ca")).transpose()?;
        let mut lines = format!(
            "bind {}\nport {}\ndir {}\nsave \"\"\nappendonly no\nprotected-mode no\n",
            options.address,
            if options.tls { 0 } else { port },
            directory.display()
        );
        if let Some(authority) = &authority {
            let address = options.address.to_string();
            let mut hosts = vec!["localhost", address.as_str()];
            hosts.extend(options.hosts.iter().map(String::as_str));
            let own = authority.issue("redis", &Subject { name: "redis", groups: &[], hosts: &hosts })?;
            lines.push_str(&format!(
                "tls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no\n",
                own.certificate.display(),
                own.key.display(),
                authority.certificate.display()
            ));
        }
        if let Some(password) = &options.password {
            lines.push_str(&format!("requirepass {password}\n"));
        }
        let file = directory.join("redis.conf");
        fs::write(&file, lines).with_context(|| format!("write {}", file.display()))?;
        let mut arguments = vec![file.display().to_string()];
        let program = match &options.namespace {
            Some(namespace) => {
                let inside = ["netns", "exec", namespace].map(str::to_owned);
                arguments.splice(0..0, inside.into_iter().chain([program.display().to_string()]));
                PathBuf::from("ip")
            }
            None => program,
        };
        let recipe = Recipe {
            name: "redis".to_owned(),
            program,
            arguments,
            environment: Vec::new(),
            directory: directory.clone(),
            life: Life::WithUs,
        };
        let address = SocketAddr::new(options.address, port);
        let mut redis = Self { process: Process::start(recipe)?, options, address, authority, directory };
        redis.wait_until_it_answers()?;
        Ok(redis)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        wait::until(&Stop::default(), "Redis answers", Duration::from_secs(10), || {
            if let Err(error) = self.process.check() {
                return Ok(Some(Err(error)));
            }
            self.cli(&["PING"]).map(|_| Some(Ok(())))
        })?
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of its authority, PEM; it has one when it speaks TLS.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_ref().map(|authority| authority.certificate.as_path())
    }

    /// Runs one command by `redis-cli` and returns its answer, raw, without the line's end.
    ///
    /// # Errors
    /// It does not answer within 30 s, or answers with an error.
    pub fn cli(&self, command: &[&str]) -> Result<String> {
        // Not every redis-cli has a limit of its own.
        let mut cli = Command::new("timeout");
        cli.arg("30");
        match &self.options.namespace {
            Some(namespace) => {
                cli.args(["ip", "netns", "exec", namespace, "redis-cli"]);
            }
            None => {
                cli.arg("redis-cli");
            }
        }
        cli.args(["-e", "-h", &self.address.ip().to_string(), "-p", &self.address.port().to_string()]);
        if let Some(authority) = self.authority() {
            cli.arg("--tls").arg("--cacert").arg(authority);
        }
        if let Some(password) = &self.options.password {
            cli.env("REDISCLI_AUTH", password);
        }
        let answer = output(cli.args(command)).with_context(|| format!("ask Redis: {}", command.join(" ")))?;
        Ok(answer.trim_end().to_owned())
    }

    /// Puts this many items into a list, in one command for each thousand.
    ///
    /// # Errors
    /// See [`Redis::cli`].
    pub fn push(&self, list: &str, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let now = left.min(1000);
            let mut command = vec!["LPUSH", list];
            command.resize(2 + now, "work");
            self.cli(&command)?;
            left -= now;
        }
        Ok(())
    }

    /// Takes another password from now on, and cuts the connections that were made with the one before.
    ///
    /// # Errors
    /// See [`Redis::cli`].
    pub fn rotate(&mut self, password: &str) -> Result<()> {
        self.cli(&["CONFIG", "SET", "requirepass", password])?;
        self.options.password = Some(password.to_owned());
        self.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).map(drop)
    }

    /// Stops it in its tracks: connections stay open, and nobody answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.process.pause()
    }

    /// Lets it go on after [`Redis::pause`].
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.process.resume()
    }

    /// Kills it; its data is gone.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.process.kill()
    }

    /// Ends it; its data is gone.
    ///
    /// # Errors
    /// It does not run.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.process.terminate(Duration::from_secs(5))
    }

    /// Starts it again at the same address, empty, after [`Redis::kill`] or [`Redis::stop`].
    ///
    /// # Errors
    /// It runs already, or does not answer.
    pub fn start_again(&mut self) -> Result<()> {
        self.process.start_again()?;
        self.wait_until_it_answers()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ended = self.process.kill();
        let _kept = fs::remove_dir_all(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_with_tls_and_a_password_answers_and_forgets() {
        let secured = RedisOptions { tls: true, password: Some("foobared".to_owned()), ..RedisOptions::default() };
        let mut redis = Redis::start(secured).unwrap();
        redis.push("celery", 1_234).unwrap();
        assert_eq!(redis.cli(&["LLEN", "celery"]).unwrap(), "1234");
        redis.kill().unwrap();
        redis.start_again().unwrap();
        assert_eq!(redis.cli(&["LLEN", "celery"]).unwrap(), "0");
    }
}
