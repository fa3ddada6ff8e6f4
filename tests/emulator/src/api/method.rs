//! `POST /twins/{id}/methods`

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::twin::device_not_found;
use crate::fleet::{Handler, MethodAnswer, MethodCall};
use crate::hub::Hub;
use crate::jobs::{DirectCall, Method};
use crate::service_error::ServiceError;

/// Calls a method on a device, and returns its answer.
pub(super) async fn invoke_method(hub: &Hub, id: &str, mut body: Value) -> Result<Value, ServiceError> {
    for name in ["responseTimeoutInSeconds", "connectTimeoutInSeconds"] {
        // The Azure CLI sends numbers as strings.
        if let Some(number) = body[name].as_str().and_then(|text| text.parse::<i64>().ok()) {
            body[name] = number.into();
        }
    }
    let method = Method::parse("method", &body)?;
    let answer = match connect(hub, id, &method).await {
        DirectCall::NoDevice => return Err(device_not_found(id)),
        DirectCall::Unreachable => {
            let reason = format!("Timed out waiting for device {id} to connect.");
            return Err(ServiceError::device_not_online(reason));
        }
        DirectCall::Answer(answer, delay) => {
            hub.clock.sleep_until(hub.now() + delay.min(method.response_timeout)).await;
            (delay <= method.response_timeout).then(|| (*answer).clone())
        }
        DirectCall::Handler(handler) => call_handler(hub, handler, &method).await?,
    };
    let Some(MethodAnswer { status, payload }) = answer else {
        let limit = method.response_timeout.as_secs();
        return Err(ServiceError::gateway_timeout(format!("The device did not answer within {limit} s")));
    };
    Ok(json!({ "status": status, "payload": payload }))
}

/// Waits for the device to connect, for as long as the method allows.
async fn connect(hub: &Hub, id: &str, method: &Method) -> DirectCall {
    let wait = hub.clock.wait();
    let limit = hub.now() + method.connect_timeout;
    let mut is_over = false;
    loop {
        let changed = hub.devices_changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let call = hub.schedule().call(id, method, hub.now());
        if is_over || !matches!(call, DirectCall::Unreachable) {
            return call;
        }
        tokio::select! {
            () = changed => {}
            () = wait.until(limit) => is_over = true,
        }
    }
}

/// Calls a handler, which may block, on a separate thread; returns `None` if it takes too long.
async fn call_handler(
    hub: &Hub,
    handler: Handler,
    method: &Method,
) -> Result<Option<MethodAnswer>, ServiceError> {
    let call = MethodCall { name: method.name.clone(), payload: method.json["payload"].clone() };
    let called = tokio::task::spawn_blocking(move || catch_unwind(AssertUnwindSafe(|| handler(call))));
    match tokio::time::timeout(method.response_timeout, called).await {
        Ok(Ok(Ok(answer))) => Ok(Some(answer)),
        Ok(Ok(Err(panic))) => {
            hub.keep_panic(panic);
            Err(ServiceError::server_error("A device's method handler panicked"))
        }
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}
