//! What the metrics API asks of the API server: whom to believe, who may read, and to be believed itself.
//!
//! Owns three requests. Refuses to touch an APIService that leads to another service: a cluster has one adapter of
//! external metrics, and taking it over is for people to decide.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::ByteString;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use super::call::call;
use crate::serve::upstream::{ApiServer, Question, UpstreamError, Verdict};
use crate::serve::{GROUP, VERSION};

/// Asks with one client, in the name of one service.
#[derive(Clone)]
pub struct Aggregation {
    client: Client,
    /// `NAMESPACE/NAME` of the Service in front of this host.
    service: String,
}

impl std::fmt::Debug for Aggregation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Aggregation").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Aggregation {
    /// For the Service `name` in `namespace`, which leads to this host.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { client, service: format!("{namespace}/{name}") }
    }

    async fn read_front_proxy(&self) -> Result<BTreeMap<String, String>, UpstreamError> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), "kube-system");
        let map = call(maps.get("extension-apiserver-authentication")).await;
        Ok(map.map_err(|error| UpstreamError::FrontProxy(error.into()))?.data.unwrap_or_default())
    }

    async fn ask(&self, question: &Question) -> Result<Verdict, UpstreamError> {
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let answer = call(reviews.create(&PostParams::default(), &review(question))).await;
        let status = answer.map_err(|error| UpstreamError::Review(error.into()))?.status.unwrap_or_default();
        if status.allowed && status.denied != Some(true) {
            return Ok(Verdict::Allowed);
        }
        let reason = status.reason.filter(|reason| !reason.is_empty()).or(status.evaluation_error);
        Ok(Verdict::Denied { reason: reason.unwrap_or_default() })
    }

    async fn register(&self, bundle: &str) -> Result<(), UpstreamError> {
        let name = format!("{VERSION}.{GROUP}");
        let services: Api<APIService> = Api::all(self.client.clone());
        let found = call(services.get(&name)).await;
        let found =
            found.map_err(|error| UpstreamError::ReadRegistration { name: name.clone(), source: error.into() })?;
        let spec = found.spec.unwrap_or_default();
        let service = spec.service.unwrap_or_default();
        let leads_to = format!("{}/{}", service.namespace.unwrap_or_default(), service.name.unwrap_or_default());
        if leads_to != self.service {
            return Err(UpstreamError::ForeignRegistration { name, found: leads_to, own: self.service.clone() });
        }
        if spec.ca_bundle.is_some_and(|found| found.0 == bundle.as_bytes())
            && spec.insecure_skip_tls_verify != Some(true)
        {
            return Ok(());
        }
        // With the version that was read: whoever gives the APIService to another service meanwhile is not overwritten.
        let patch = json!({
            "metadata": { "resourceVersion": found.metadata.resource_version },
            "spec": { "caBundle": ByteString(bundle.as_bytes().to_vec()), "insecureSkipTLSVerify": false },
        });
        let parameters = PatchParams { field_manager: Some(super::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let written = call(services.patch(&name, &parameters, &Patch::Merge(patch))).await;
        written.map_err(|error| UpstreamError::WriteRegistration { name, source: error.into() })?;
        tracing::info!("the API server is told of our certificate authority");
        Ok(())
    }
}

/// The API server itself asks for `list` before it passes a request on, because its path ends in a resource and names
/// no object of it; so the same is asked here.
fn review(question: &Question) -> SubjectAccessReview {
    let caller = &question.caller;
    let attributes = ResourceAttributes {
        group: Some(GROUP.to_owned()),
        version: Some(VERSION.to_owned()),
        namespace: Some(question.namespace.clone()),
        resource: Some(question.metric.clone()),
        verb: Some("list".to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SubjectAccessReviewSpec {
        user: Some(caller.user.clone()),
        uid: Some(caller.uid.clone()).filter(|uid| !uid.is_empty()),
        groups: Some(caller.groups.clone()),
        extra: Some(caller.extra.clone()),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    SubjectAccessReview { spec, ..SubjectAccessReview::default() }
}

impl ApiServer for Aggregation {
    fn front_proxy(&self) -> BoxFuture<'_, Result<BTreeMap<String, String>, UpstreamError>> {
        self.read_front_proxy().boxed()
    }

    fn review<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Verdict, UpstreamError>> {
        self.ask(question).boxed()
    }

    fn register<'a>(&'a self, bundle: &'a str) -> BoxFuture<'a, Result<(), UpstreamError>> {
        self.register(bundle).boxed()
    }
}
