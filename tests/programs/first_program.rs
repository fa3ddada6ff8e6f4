use chrono::Utc;
use jobs_api::Client;
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use serde_json::json;

#[tokio::main]
async fn main() {
    if let Err(error) = reboot().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn reboot() -> Result<(), jobs_api::Error> {
    // Reads the hub's connection string from IOTHUB_CONNECTION_STRING.
    let client = Client::from_env()?;
    // The id says what is done once: a second run on the same day follows the same job.
    let id = format!("reboot-43-{}", Utc::now().format("%Y-%m-%d"));
    let method = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": 5 }));
    let request = JobRequest::device_method(method, "tags.building = '43'");
    client.ensure_scheduled_job(&id, &request).await?;
    let report = client.wait_for_job(&id).report().await?;
    println!("{id}: {}, {} devices", report.outcome(), report.devices);
    Ok(())
}
