//! The calls that are compared.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{ClientOptions, Context, Method, Pipeline, Request, Transport, Url};
use futures_util::stream::TryStreamExt as _;
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Client, Credential, JobFilter, RotatingCredential};
use progenitor_client::ClientHooks;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::generated::{Client as Generated, Operations, types};
use crate::runtime::attempt::Settings;
use crate::runtime::{Attempt, RequestId};
use crate::server::{ROWS, Server};

const HOST: &str = "emulator.localhost";
const TOKEN: &str = "SharedAccessSignature sr=emulator.localhost&sig=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0&se=4102444800&skn=service";

/// The generated client adds nothing to its requests.
impl ClientHooks<Attempt> for Generated {}

/// A client of each kind, each with its own connections.
pub(crate) struct Sides {
    client: Client,
    unpaced: Client,
    rotated: Client,
    rotation: RotatingCredential,
    keys: AtomicU64,
    request: JobRequest,
    generated: Operations,
    generated_request: types::JobRequest,
    reqwest: reqwest::Client,
    url: String,
    azure: Pipeline,
    azure_url: Url,
}

/// A credential whose token is always the same.
#[derive(Debug)]
struct StaticToken;

#[async_trait::async_trait]
impl TokenCredential for StaticToken {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = std::time::SystemTime::now() + Duration::from_secs(24 * 60 * 60);
        Ok(AccessToken::new(TOKEN, expires_on.into()))
    }
}

/// Returns the pipeline of a client of Azure's, with a token and this HTTP client.
fn azure_pipeline(http: reqwest::Client) -> Pipeline {
    let scopes = ["https://iothubs.azure.net/.default"];
    let authorization = BearerTokenAuthorizationPolicy::new(Arc::new(StaticToken), scopes);
    let options = ClientOptions { transport: Some(Transport::new(Arc::new(http))), ..Default::default() };
    Pipeline::new(Some("jobs"), Some("0.1.0"), options, Vec::new(), vec![Arc::new(authorization)], None)
}

/// The members of a job that a program with reqwest and serde would read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "they are read for their cost")]
struct Job {
    job_id: Option<String>,
    query_condition: Option<String>,
    created_time: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    max_execution_time_in_seconds: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    cloud_to_device_method: Option<types::CloudToDeviceMethod>,
    update_twin: Option<types::Twin>,
    status: Option<String>,
    failure_reason: Option<String>,
    status_message: Option<String>,
    device_job_statistics: Option<types::DeviceJobStatistics>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    message: String,
}

impl Sides {
    pub(crate) fn new(server: &Server) -> Self {
        let url = format!("https://{}", server.address);
        let certificate = reqwest::Certificate::from_der(&server.certificate).unwrap();
        let builder = |credential| {
            let certificate = certificate.clone();
            let builder = Client::builder(HOST, credential).endpoint(&url);
            builder.configure_http(move |http| http.tls_certs_only([certificate.clone()]))
        };
        let rotation = RotatingCredential::new(key(0));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(TOKEN));
        let http =
            || reqwest::Client::builder().http1_only().tls_certs_only([certificate.clone()]).no_proxy();
        let with_token = http().default_headers(headers).build().unwrap();
        let attempt = Attempt::new(Settings {
            authorization: HeaderValue::from_static(TOKEN),
            redact: Arc::new(|_| None),
            request_id: RequestId::random(),
            number: 1,
            timeout: Duration::MAX,
            body_limit: usize::MAX,
            headers: Arc::default(),
            on_request: None,
        });
        let method = types::CloudToDeviceMethod { method_name: Some("reboot".into()), ..Default::default() };
        Self {
            client: builder(key(0)).build().unwrap(),
            unpaced: builder(key(0)).without_pacing().build().unwrap(),
            rotated: builder(Credential::rotating(&rotation)).build().unwrap(),
            rotation,
            keys: AtomicU64::new(0),
            request: JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "tags.building = '43'"),
            generated: Operations(Generated::new_with_client(&url, with_token.clone(), attempt)),
            generated_request: types::JobRequest {
                job_id: Some("reboot-43".into()),
                type_: Some(types::JobType::ScheduleDeviceMethod),
                cloud_to_device_method: Some(method),
                query_condition: Some("tags.building = '43'".into()),
                ..Default::default()
            },
            reqwest: with_token,
            azure: azure_pipeline(http().build().unwrap()),
            azure_url: format!("{url}/jobs/v2/reboot-43?api-version=2021-04-12").parse().unwrap(),
            url,
        }
    }

    pub(crate) async fn create(&self) {
        self.client.create_scheduled_job("reboot-43", &self.request).await.unwrap();
    }

    pub(crate) async fn create_unpaced(&self) {
        self.unpaced.create_scheduled_job("reboot-43", &self.request).await.unwrap();
    }

    pub(crate) async fn create_with_new_key(&self) {
        self.rotation.replace(key(self.keys.fetch_add(1, Ordering::Relaxed)));
        self.rotated.create_scheduled_job("reboot-43", &self.request).await.unwrap();
    }

    pub(crate) async fn create_generated(&self) {
        self.generated.create_scheduled_job("reboot-43", &self.generated_request).await.unwrap();
    }

    pub(crate) async fn create_reqwest(&self) {
        let url = format!("{}/jobs/v2/reboot-43?api-version=2021-04-12", self.url);
        let response = self.reqwest.put(url).json(&self.generated_request).send().await.unwrap();
        response.error_for_status().unwrap().json::<Job>().await.unwrap();
    }

    pub(crate) async fn create_azure(&self) {
        let mut request = Request::new(self.azure_url.clone(), Method::Put);
        request.insert_header("content-type", "application/json");
        request.set_json(&self.generated_request).unwrap();
        let response = self.azure.send(&Context::default(), &mut request, None).await.unwrap();
        response.into_body().json::<Job>().unwrap();
    }

    pub(crate) async fn list(&self) {
        let mut pages = pin!(self.client.query_scheduled_jobs(JobFilter::default()).pages());
        let page = pages.try_next().await.unwrap().unwrap();
        assert_eq!(page.items.len(), ROWS);
    }

    pub(crate) async fn list_generated(&self) {
        let page = self.generated.query_scheduled_jobs().with_x_ms_max_item_count("100").await.unwrap();
        assert_eq!(page.0.into_inner().readable.len(), ROWS);
    }

    pub(crate) async fn list_reqwest(&self) {
        let url = format!("{}/jobs/v2/query?api-version=2021-04-12", self.url);
        let response = self.reqwest.get(url).header("x-ms-max-item-count", "100").send().await.unwrap();
        let page: Vec<Job> = response.error_for_status().unwrap().json().await.unwrap();
        assert_eq!(page.len(), ROWS);
    }

    pub(crate) async fn not_found(&self) {
        let error = self.client.get_scheduled_job("missing").await.unwrap_err();
        assert!(error.is_not_found());
    }

    pub(crate) async fn not_found_reqwest(&self) {
        let url = format!("{}/jobs/v2/missing?api-version=2021-04-12", self.url);
        let response = self.reqwest.get(url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let failure: Failure = response.json().await.unwrap();
        assert!(failure.message.starts_with("ErrorCode:JobNotFound"));
    }
}

/// Returns the credential of a key, another one for each number.
fn key(number: u64) -> Credential {
    Credential::shared_access_key("service", &format!("{number:032}")).unwrap()
}
