//! Redirects: none is followed, and none is taken for an answer.

use jobs_emulator::{Fault, Route, When};

use crate::support::{builder, fast_retry_client, quick_hub, reboot};

#[tokio::test]
async fn redirect_is_an_error_and_is_not_followed() {
    let (hub, other) = (quick_hub().await, quick_hub().await);
    hub.inject(Route::Any, When::Next(1), Fault::redirect(&other.endpoint()));
    let error = fast_retry_client(&hub).get_scheduled_job("job").await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 307);
    assert_eq!((hub.requests().len(), other.requests().len()), (1, 0));
}

#[tokio::test]
async fn redirect_followed_by_a_custom_http_client_is_an_error() {
    let hub = quick_hub().await;
    let following = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = builder(&hub).http_client(following).build().unwrap();
    client.create_scheduled_job("other", &reboot()).await.unwrap();
    hub.inject(Route::Any, When::Next(1), Fault::redirect("/jobs/v2/other?api-version=2021-04-12"));
    let error = client.get_scheduled_job("job").await.unwrap_err();
    assert!(error.to_string().contains("it followed a redirect to 127.0.0.1"), "{error}");
}
