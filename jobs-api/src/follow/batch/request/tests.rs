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
    assert_eq!(
        jobs.iter().flat_map(|job| &job.listed.devices).collect::<Vec<_>>(),
        ids.iter().collect::<Vec<_>>()
    );
    for job in &jobs {
        let condition = job.to_request().query_condition.unwrap();
        let [first, .., last] = &job.listed.devices[..] else { panic!("{job:?}") };
        assert!(condition.starts_with(&format!("deviceId IN ['{first}', ")), "{condition}");
        assert!(condition.ends_with(&format!(", '{last}']")), "{condition}");
    }
    assert_eq!(BatchRequest::from(reboot("*")).into_jobs("job").unwrap()[0].listed.devices, [""; 0]);
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
fn condition_of_the_request_holds_for_the_list_too() {
    for (condition, expected) in [
        ("tags.a = 1 OR tags.b = 2", "deviceId IN ['d'] AND (tags.a = 1 OR tags.b = 2)"),
        (
            "FROM devices.modules WHERE tags.a = 1",
            "FROM devices.modules WHERE deviceId IN ['d'] AND (tags.a = 1)",
        ),
        ("from devices.modules", "from devices.modules WHERE deviceId IN ['d']"),
        ("FROM\ndevices.modules", "FROM\ndevices.modules WHERE deviceId IN ['d']"),
        (
            "FROM devices.modules\nwhere\ttags.a = ' WHERE '",
            "FROM devices.modules WHERE deviceId IN ['d'] AND (tags.a = ' WHERE ')",
        ),
        (
            "FROM devices.modules WHERE(tags.a = 1)",
            "FROM devices.modules WHERE deviceId IN ['d'] AND ((tags.a = 1))",
        ),
    ] {
        assert_eq!(
            jobs("job", reboot(condition).for_devices(["d"])),
            [("job-part-1".into(), expected.into())]
        );
    }
    let ids: Vec<String> = (0..1000).map(|n| format!("device-{n:04}")).collect();
    let long = format!("tags.a = '{}'", "x".repeat(4000));
    let jobs = jobs("job", reboot(long).for_devices(ids));
    assert!(jobs.len() > 3 && jobs.iter().all(|(_, condition)| condition.len() <= CONDITION_LENGTH));
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
    assert!(refusal("job", reboot("").for_devices(["a"])).contains("must not be empty"));
    assert!(refusal("job", JobRequest::default().for_devices(["a"])).contains("must not be empty"));
}

#[test]
fn condition_cannot_end_before_its_parenthesis() {
    for condition in [
        "tags.a = 1) OR (tags.b = 2",
        "FROM devices.modules WHERE tags.a = 1) OR (tags.b = 2",
        "(tags.a = 1",
        "tags.a = ')",
        "tags.[[']] = 1) OR (tags.[[']] = 2",
        "tags.[[a) OR (",
    ] {
        let error = refusal("job", reboot(condition).for_devices(["d"]));
        assert!(error.contains("could extend it beyond the list of devices"), "{condition}: {error}");
    }
    for condition in ["(a = 1 OR (b = 2)) AND c = 3", "a = ')('", "tags.[[2nd one]] = '[['"] {
        assert_eq!(jobs("job", reboot(condition).for_devices(["d"])).len(), 1, "{condition}");
    }
}

#[test]
fn condition_of_a_list_selects_from_devices_or_their_modules() {
    for condition in [
        "FROM devices WHERE a = 1",
        "FROM devices.modules, devices WHERE a = 1",
        "FROM devices.modules AS m WHERE a = 1",
        "FROM devices.modules WHEREa = 1",
        "FROM devices.modules(a = 1)",
        "FROM devices.modules GROUP BY a",
        "FROM \u{1F980}",
    ] {
        let error = refusal("job", reboot(condition).for_devices(["d"]));
        assert!(error.contains("must select from `devices.modules`"), "{condition}: {error}");
    }
    let error = refusal("job", reboot("FROM devices.modules WHERE").for_devices(["d"]));
    assert!(error.contains("queryCondition"), "{error}");
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
fn id_that_does_not_fit_makes_the_whole_request_invalid() {
    let id = "x".repeat(128);
    let around = format!("deviceId IN ['{id}'] AND (tags.a = '')").len();
    let request = |length| reboot(format!("tags.a = '{}'", "x".repeat(length)));
    assert_eq!(jobs("job", request(CONDITION_LENGTH - around).for_devices([id.as_str(), "a"])).len(), 2);
    let error = refusal("job", request(CONDITION_LENGTH - around + 1).for_devices([id.as_str(), "a"]));
    assert!(error.contains("has no room for one of the device ids"), "{error}");
    let no_room = format!("tags.a = '{}'", "x".repeat(8150));
    assert!(refusal("job", reboot(no_room).for_devices(["device-0001"])).contains("has no room"));
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
