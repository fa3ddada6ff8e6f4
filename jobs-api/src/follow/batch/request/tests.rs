use super::*;
use crate::generated::types::CloudToDeviceMethod;
use crate::limits::CONDITION_LENGTH;

fn reboot(condition: impl Into<String>) -> JobRequest {
    JobRequest::device_method(CloudToDeviceMethod::new("reboot"), condition)
}

/// Returns the ids and conditions of the jobs.
fn jobs(id: &str, request: impl Into<BatchRequest>) -> Vec<(String, String)> {
    let jobs = request.into().into_jobs(id).unwrap();
    jobs.into_iter().map(|job| (job.id.clone(), job.to_request().query_condition.unwrap())).collect()
}

fn refusal(id: &str, request: impl Into<BatchRequest>) -> String {
    request.into().into_jobs(id).unwrap_err().to_string()
}

#[test]
fn request_without_a_list_is_one_job() {
    assert_eq!(jobs("job", reboot("tags.a = 1")), [("job".into(), "tags.a = 1".into())]);
    let whole = BatchRequest::from(reboot("*")).into_jobs("job").unwrap();
    assert_eq!(whole[0].to_request(), reboot("*"));
}

#[test]
fn long_list_is_split_into_the_fewest_jobs() {
    let ids: Vec<String> = (0..10_000).map(|n| format!("device-{n:05}")).collect();
    let jobs = jobs("reboot", reboot("*").for_devices(&ids));
    assert_eq!(jobs.len(), 20);
    assert_eq!((jobs[0].0.as_str(), jobs[19].0.as_str()), ("reboot-part-1", "reboot-part-20"));
    let room = CONDITION_LENGTH - "'device-00000', ".len();
    for (_, condition) in &jobs[..19] {
        assert!((room..=CONDITION_LENGTH).contains(&condition.len()), "{} characters", condition.len());
    }
    let listed: usize = jobs.iter().map(|(_, condition)| condition.matches("'device-").count()).sum();
    assert_eq!(listed, 10_000);
}

#[test]
fn jobs_share_out_the_devices() {
    let ids: Vec<String> = (0..1200).map(|n| format!("device-{n:05}")).collect();
    let jobs = reboot("*").for_devices(&ids).into_jobs("reboot").unwrap();
    assert_eq!(jobs.iter().flat_map(|job| &job.devices).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    for job in &jobs {
        let condition = job.to_request().query_condition.unwrap();
        let [first, .., last] = &job.devices[..] else { panic!("{job:?}") };
        assert!(condition.starts_with(&format!("deviceId IN ['{first}', ")), "{condition}");
        assert!(condition.ends_with(&format!(", '{last}']")), "{condition}");
    }
    assert_eq!(BatchRequest::from(reboot("*")).into_jobs("job").unwrap()[0].devices, [""; 0]);
}

#[test]
fn ids_of_jobs_do_not_depend_on_their_number() {
    let ids = |count| (0..count).map(|n| format!("device-{n:05}"));
    let [one, two, three] = [400, 600, 1200].map(|count| jobs("reboot", reboot("*").for_devices(ids(count))));
    assert_eq!([&one, &two, &three].map(Vec::len), [1, 2, 3]);
    assert_eq!((&one[0].0, &two[0], &two[1].0), (&three[0].0, &three[0], &three[1].0));
}

#[test]
fn order_and_duplicates_do_not_matter() {
    let list = jobs("job", reboot("*").for_devices(["b", "a", "b", "a"]));
    assert_eq!(list, [("job-part-1".into(), "deviceId IN ['a', 'b']".into())]);
    assert_eq!(list, jobs("job", reboot("*").for_devices(["a", "b"])));
}

#[test]
fn condition_beside_a_list_is_refused() {
    for condition in
        ["", "tags.a = 1", "* OR tags.a = 1", "FROM devices.modules", "tags.a = 1) OR (tags.b = 2"]
    {
        let error = refusal("job", reboot(condition).for_devices(["d"]));
        assert!(error.contains("queryCondition must be `*` for a list of devices"), "{condition}: {error}");
    }
    assert!(refusal("job", JobRequest::default().for_devices(["a"])).contains("must be `*`"));
    assert_eq!(
        jobs("job", reboot(" * ").for_devices(["d"])),
        [("job-part-1".into(), "deviceId IN ['d']".into())]
    );
}

#[test]
fn odd_ids_are_quoted() {
    let jobs = jobs("job", reboot("*").for_devices(["it's", "'", "a=1(", "-:.+%_#*?!(),=@;$"]));
    let list = r"'\u0027', '-:.+%_#*?!(),=@;$', 'a=1(', 'it\u0027s'";
    assert_eq!(jobs[0].1, format!("deviceId IN [{list}]"));
}

#[test]
fn empty_list_is_never_all_devices() {
    assert!(refusal("job", reboot("*").for_devices([""; 0])).contains("must not be for an empty list"));
}

#[test]
fn id_that_no_device_has_is_refused_and_shown() {
    for (id, shown) in [
        ("", r#""""#),
        (" a", r#"" a""#),
        ("a ", r#""a ""#),
        ("a b", r#""a b""#),
        ("a\n\u{1b}[2J\0", r#""a\n\u{1b}[2J\0""#),
        ("größe", r#""größe""#),
        ("\u{202e}a", r#""\u{202e}a""#),
        ("a/b", r#""a/b""#),
        ("a\"b\\", r#""a\"b\\""#),
        (&"x".repeat(129), &format!("{:?}…", "x".repeat(40))),
        (&"é".repeat(1_000_000), &format!("{:?}…", "é".repeat(40))),
    ] {
        let error = refusal("job", reboot("*").for_devices(["ok", id]));
        let start =
            format!("not sent: queryCondition must not be for the device {shown}: an id has 1 to 128 ");
        assert!(error.starts_with(&start), "{error}");
    }
    assert_eq!(jobs("job", reboot("*").for_devices(["x".repeat(128)])).len(), 1);
}

#[test]
fn id_of_a_split_request_leaves_room_for_the_number() {
    let ids = || (0..10_000).map(|n| format!("device-{n:05}"));
    let longest = "x".repeat(64 - "-part-20".len());
    assert_eq!(jobs(&longest, reboot("*").for_devices(ids())).len(), 20);
    let error = refusal(&format!("{longest}x"), reboot("*").for_devices(ids()));
    assert!(
        error.contains("jobId must have at most 56 characters: the list of devices needs 20 jobs"),
        "{error}"
    );
    assert_eq!(jobs(&"x".repeat(64 - "-part-1".len()), reboot("*").for_devices(["a"])).len(), 1);
    assert_eq!(jobs(&"x".repeat(64), reboot("*")).len(), 1);
    assert!(refusal("no id", reboot("*").for_devices(["a"])).contains("jobId"));
}

#[test]
fn request_names_no_other_job() {
    let named = JobRequest { job_id: Some("job".into()), ..reboot("*") };
    assert_eq!(jobs("job", named.clone().for_devices(["a"])).len(), 1);
    assert!(refusal("other", named.for_devices(["a"])).contains("must equal the id"));
}
