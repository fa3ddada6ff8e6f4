use super::*;

#[test]
fn parentheses_follow_precedence() {
    let a = || Condition::tag("a").eq(1);
    let b = || Condition::tag("b").ne("x");
    assert_eq!(a().and(b()).or(a()).to_string(), "tags.a = 1 AND tags.b != 'x' OR tags.a = 1");
    assert_eq!(a().or(b()).and(a()).to_string(), "(tags.a = 1 OR tags.b != 'x') AND tags.a = 1");
    assert_eq!(a().or(b()).not().to_string(), "NOT (tags.a = 1 OR tags.b != 'x')");
    assert_eq!(a().not().and(b()).to_string(), "NOT tags.a = 1 AND tags.b != 'x'");
    assert_eq!(a().not().not().to_string(), "NOT NOT tags.a = 1");
}

#[test]
fn odd_and_reserved_names_are_bracketed() {
    for (path, text) in [
        ("building", "tags.building"),
        ("place.room", "tags.place.room"),
        ("group", "tags.[[group]]"),
        ("undefined", "tags.[[undefined]]"),
        ("top", "tags.[[top]]"),
        ("a.SELECT.b", "tags.a.[[SELECT]].b"),
        ("with-hyphen", "tags.[[with-hyphen]]"),
        ("1st", "tags.[[1st]]"),
        ("größe", "tags.[[größe]]"),
        ("a' OR 1", "tags.[[a' OR 1]]"),
    ] {
        assert_eq!(Condition::tag(path).is_defined().to_string(), format!("IS_DEFINED({text})"));
    }
    for path in ["", ".", "a..b", "a.", "x]] = 1 OR tags.[[y", "x]"] {
        assert_eq!(Condition::desired(path).eq(1).build(), Err(ConditionError::Path(path.into())));
    }
}

#[test]
fn literals_are_unambiguous() {
    let text = |literal: Literal| literal.0;
    assert_eq!(text("it's \"A\\B\"\n\u{1F980}".into()), "'it\\u0027s \"A\\\\B\"\\u000A\u{1F980}'");
    assert_eq!(
        [text(true.into()), text((-7).into()), text(u64::MAX.into())],
        ["true", "-7", "18446744073709551615"]
    );
    assert_eq!(Literal::number(1.5).map(text), Some("1.5".into()));
    assert_eq!((Literal::number(f64::NAN), Literal::number(f64::INFINITY)), (None, None));
    assert_eq!(text(Literal::null()), "null");
}

#[test]
fn inexpressible_conditions_are_errors() {
    assert_eq!(Condition::device_ids(["a"; 0]).build(), Err(ConditionError::EmptyList));
    assert_eq!(Condition::tag("a").is_not_in([1; 0]).not().build(), Err(ConditionError::EmptyList));
    let path = || Condition::tag("a]").eq(1);
    for condition in [path().and(Condition::device_ids(["a"; 0])), Condition::tag("b").eq(1).or(path()).not()]
    {
        assert_eq!(condition.build_on_modules(), Err(ConditionError::Path("a]".into())));
    }
}

#[test]
fn long_list_is_split_into_the_fewest_conditions() {
    let ids: Vec<String> = (0..4000).map(|n| format!("device-{n:04}")).collect();
    let whole = Condition::device_ids(&ids).build().unwrap_err();
    assert!(whole.to_string().contains("Condition::split_device_ids"), "{whole}");
    let parts: Vec<String> =
        Condition::split_device_ids(&ids).into_iter().map(|part| part.build().unwrap()).collect();
    assert_eq!(parts.iter().map(|part| part.matches("'device-").count()).sum::<usize>(), 4000);
    assert_eq!(parts.len(), 8);
    assert!(Condition::split_device_ids(["a"; 0]).is_empty());
}
