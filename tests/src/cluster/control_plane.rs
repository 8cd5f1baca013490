//! The processes of a control plane.
//!
//! Owns their flags, ports and order. Refuses to bind to anything but loopback or the real node's address.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Options, stand_in};
use crate::authority::{Authority, Identity, Subject, signing_key};
use crate::paths;
use crate::process::{Life, Process, Recipe};

/// The order in which processes end: whoever asks the API server before it, etcd last.
pub(super) const ORDER_OF_ENDS: [&str; 5] =
    ["kwok", "kube-controller-manager", "kube-scheduler", "kube-apiserver", "etcd"];

/// Services get addresses from here, whichever node there is.
const SERVICE_RANGE: &str = "10.96.0.0/16";

/// Ports of one cluster.
#[derive(Clone, Copy, Debug)]
struct Ports {
    etcd: u16,
    etcd_peer: u16,
    api_server: u16,
    controller_manager: u16,
    scheduler: u16,
    kwok: u16,
}

impl Ports {
    /// Free ports. All are held until the last is known, so that they differ.
    fn choose(address: Ipv4Addr) -> Result<Self> {
        let listen = |address| TcpListener::bind((address, 0)).context("look for a free port");
        let local = Ipv4Addr::LOCALHOST;
        let held = [listen(local)?, listen(local)?, listen(address)?, listen(local)?, listen(local)?, listen(local)?];
        let port = |listener: &TcpListener| listener.local_addr().map(|bound| bound.port());
        let [etcd, etcd_peer, api_server, controller_manager, scheduler, kwok] = &held;
        Ok(Self {
            etcd: port(etcd)?,
            etcd_peer: port(etcd_peer)?,
            api_server: port(api_server)?,
            controller_manager: port(controller_manager)?,
            scheduler: port(scheduler)?,
            kwok: port(kwok)?,
        })
    }
}

/// Key files of the API server.
#[derive(Debug)]
struct Keys {
    serving: Identity,
    kubelet_client: Identity,
    proxy_client: Identity,
    accounts: Identity,
    authority: PathBuf,
    front_proxy: PathBuf,
}

impl Keys {
    fn make(directory: &Path, address: Ipv4Addr, authority: &Authority, front_proxy: &Authority) -> Result<Self> {
        let address = address.to_string();
        let hosts = [
            "localhost",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "127.0.0.1",
            "10.96.0.1",
            &address,
        ];
        let server = Subject { name: "kube-apiserver", groups: &[], hosts: &hosts };
        let kubelet = Subject { name: "kube-apiserver", groups: &["system:masters"], hosts: &[] };
        let proxy = Subject { name: "front-proxy-client", groups: &[], hosts: &[] };
        Ok(Self {
            serving: authority.issue("apiserver", &server)?,
            kubelet_client: authority.issue("kubelet-client", &kubelet)?,
            proxy_client: front_proxy.issue("front-proxy-client", &proxy)?,
            accounts: signing_key(&directory.join("keys"), "accounts")?,
            authority: authority.certificate.clone(),
            front_proxy: front_proxy.certificate.clone(),
        })
    }
}

/// The processes, as far as they have been started.
#[derive(Debug)]
pub(super) struct ControlPlane {
    // In the order of `ORDER_OF_ENDS`.
    kwok: Option<Process>,
    controller_manager: Option<Process>,
    scheduler: Option<Process>,
    api_server: Option<Process>,
    etcd: Option<Process>,
    directory: PathBuf,
    address: Ipv4Addr,
    ports: Ports,
    keys: Keys,
    life: Life,
    hpa_sync_period: Duration,
    downscale_stabilization: Duration,
    pod_start_up: Duration,
}

impl ControlPlane {
    /// Chooses ports and makes keys.
    pub(super) fn prepare(
        directory: &Path,
        address: Ipv4Addr,
        options: &Options,
        authority: &Authority,
        front_proxy: &Authority,
    ) -> Result<Self> {
        Ok(Self {
            kwok: None,
            controller_manager: None,
            scheduler: None,
            api_server: None,
            etcd: None,
            directory: directory.to_path_buf(),
            address,
            ports: Ports::choose(address)?,
            keys: Keys::make(directory, address, authority, front_proxy)?,
            life: options.life,
            hpa_sync_period: options.hpa_sync_period,
            downscale_stabilization: options.downscale_stabilization,
            pod_start_up: options.pod_start_up,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}:{}", self.address, self.ports.api_server)
    }

    fn start(&self, name: &str, arguments: Vec<String>) -> Result<Process> {
        Process::start(Recipe {
            name: name.to_owned(),
            program: paths::binary(name),
            arguments,
            environment: Vec::new(),
            directory: self.directory.clone(),
            life: self.life,
        })
    }

    pub(super) fn start_storage(&mut self) -> Result<()> {
        let client = format!("http://127.0.0.1:{}", self.ports.etcd);
        let peer = format!("http://127.0.0.1:{}", self.ports.etcd_peer);
        self.etcd = Some(self.start(
            "etcd",
            vec![
                format!("--data-dir={}", self.directory.join("etcd").display()),
                format!("--listen-client-urls={client}"),
                format!("--advertise-client-urls={client}"),
                format!("--listen-peer-urls={peer}"),
                format!("--initial-advertise-peer-urls={peer}"),
                format!("--initial-cluster=default={peer}"),
                // A crash of the machine may lose a test cluster.
                "--unsafe-no-fsync".to_owned(),
            ],
        )?);
        Ok(())
    }

    pub(super) fn api_server(&mut self) -> Result<&mut Process> {
        match &mut self.api_server {
            Some(process) => Ok(process),
            None => bail!("the API server was never started"),
        }
    }

    pub(super) fn start_api_server(&mut self) -> Result<()> {
        match &mut self.api_server {
            Some(process) => process.start_again(),
            None => {
                self.api_server = Some(self.start("kube-apiserver", self.api_server_arguments())?);
                Ok(())
            }
        }
    }

    fn api_server_arguments(&self) -> Vec<String> {
        let keys = &self.keys;
        let mut arguments = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd),
            format!("--secure-port={}", self.ports.api_server),
            format!("--bind-address={}", self.address),
            format!("--advertise-address={}", self.address),
            format!("--service-cluster-ip-range={SERVICE_RANGE}"),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--allow-privileged".to_owned(),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
            "--requestheader-allowed-names=front-proxy-client".to_owned(),
            "--requestheader-username-headers=X-Remote-User".to_owned(),
            "--requestheader-group-headers=X-Remote-Group".to_owned(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        ];
        let files = [
            ("tls-cert-file", &keys.serving.certificate),
            ("tls-private-key-file", &keys.serving.key),
            ("client-ca-file", &keys.authority),
            ("service-account-key-file", &keys.accounts.certificate),
            ("service-account-signing-key-file", &keys.accounts.key),
            ("kubelet-client-certificate", &keys.kubelet_client.certificate),
            ("kubelet-client-key", &keys.kubelet_client.key),
            ("requestheader-client-ca-file", &keys.front_proxy),
            ("proxy-client-cert-file", &keys.proxy_client.certificate),
            ("proxy-client-key-file", &keys.proxy_client.key),
        ];
        arguments.extend(files.map(|(flag, path)| format!("--{flag}={}", path.display())));
        if self.address.is_loopback() {
            // An endpoint may not be a loopback address.
            arguments.push("--endpoint-reconciler-type=none".to_owned());
        }
        arguments
    }

    /// Starts the controllers and the scheduler, without the clients' default limits, which tests would only wait for.
    pub(super) fn start_controllers(&mut self) -> Result<()> {
        let kubeconfig = self.directory.join("admin.kubeconfig");
        let kubeconfig = kubeconfig.display();
        let shared = |port: u16| {
            vec![
                format!("--kubeconfig={kubeconfig}"),
                format!("--authentication-kubeconfig={kubeconfig}"),
                format!("--authorization-kubeconfig={kubeconfig}"),
                "--bind-address=127.0.0.1".to_owned(),
                format!("--secure-port={port}"),
                "--leader-elect=false".to_owned(),
                "--kube-api-qps=500".to_owned(),
                "--kube-api-burst=1000".to_owned(),
            ]
        };
        let mut arguments = shared(self.ports.controller_manager);
        arguments.extend([
            format!("--service-account-private-key-file={}", self.keys.accounts.key.display()),
            format!("--root-ca-file={}", self.keys.authority.display()),
            "--use-service-account-credentials".to_owned(),
            format!("--horizontal-pod-autoscaler-sync-period={}ms", self.hpa_sync_period.as_millis()),
            format!(
                "--horizontal-pod-autoscaler-downscale-stabilization={}ms",
                self.downscale_stabilization.as_millis()
            ),
            format!("--horizontal-pod-autoscaler-cpu-initialization-period={}ms", self.pod_start_up.as_millis()),
            // A tenth, as in Kubernetes' own defaults.
            format!("--horizontal-pod-autoscaler-initial-readiness-delay={}ms", self.pod_start_up.as_millis() / 10),
        ]);
        self.controller_manager = Some(self.start("kube-controller-manager", arguments)?);
        self.scheduler = Some(self.start("kube-scheduler", shared(self.ports.scheduler))?);
        Ok(())
    }

    /// Starts kwok, once; it looks after nodes labelled `type=kwok` and no others.
    pub(super) fn start_stand_in(&mut self) -> Result<()> {
        if self.kwok.is_some() {
            return Ok(());
        }
        let stages = self.directory.join("kwok.yaml");
        std::fs::write(&stages, [stand_in::STAGES, stand_in::USAGE].concat())
            .with_context(|| format!("write {}", stages.display()))?;
        let arguments = vec![
            format!("--kubeconfig={}", self.directory.join("admin.kubeconfig").display()),
            format!("--config={}", stages.display()),
            "--manage-all-nodes=false".to_owned(),
            "--manage-nodes-with-label-selector=type=kwok".to_owned(),
            "--node-lease-duration-seconds=40".to_owned(),
            "--node-ip=127.0.0.1".to_owned(),
            format!("--node-port={}", self.ports.kwok),
            format!("--server-address=127.0.0.1:{}", self.ports.kwok),
            format!("--tls-cert-file={}", self.keys.serving.certificate.display()),
            format!("--tls-private-key-file={}", self.keys.serving.key.display()),
        ];
        self.kwok = Some(self.start("kwok", arguments)?);
        Ok(())
    }

    /// Ends everything, etcd last. All are killed: nothing of a test cluster is worth a clean end, and an API server that
    /// lost its etcd can take a minute over one.
    pub(super) fn end(&mut self) {
        let all =
            [&mut self.kwok, &mut self.controller_manager, &mut self.scheduler, &mut self.api_server, &mut self.etcd];
        for process in all {
            if let Some(mut process) = process.take() {
                // One that has ended by itself is what we want.
                let _ended = process.kill();
            }
        }
    }
}
