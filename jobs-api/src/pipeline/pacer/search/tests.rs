use super::*;

const NONE: Duration = Duration::ZERO;
const GRID: Grid = Grid { small: 100.0, large: 5000.0 };

/// Returns the rate that is found at a hub which accepts `allowed`, and the rejections on the way.
fn find(start: f64, allowed: f64) -> (f64, u32) {
    let mut search = Search::start(GRID, start);
    let mut rejections = 0;
    for _ in 0..10_000 {
        let found = if search.rate <= allowed {
            search.record_accepted(NONE)
        } else {
            rejections += 1;
            search.record_rejected(NONE)
        };
        if let Found::Rate(rate) = found {
            return (rate, rejections);
        }
    }
    panic!("the search for {allowed} from {start} does not end");
}

#[test]
fn rates_of_few_units_are_found_exactly() {
    for start in [100.0, 400.0, 1200.0, 2400.0, 20_000.0] {
        for allowed in [100.0, 200.0, 300.0, 500.0, 700.0, 1000.0, 5000.0, 10_000.0, 15_000.0] {
            let (rate, rejections) = find(start, allowed);
            assert_eq!(rate, allowed, "from {start}");
            assert!(rejections <= 8, "{rejections} from {start} to {allowed}");
        }
    }
}

#[test]
fn every_rate_is_found_from_below() {
    for units in 1..=50 {
        let allowed = f64::from(units) * 100.0;
        let (rate, _) = find(1200.0, allowed);
        assert!(rate <= allowed && rate * 1.09 >= allowed, "{rate} for {allowed}");
    }
}

#[test]
fn look_ends_at_the_first_rejection() {
    let mut look = Search::look_above(GRID, 300.0, 0.0);
    assert_eq!(look.rate, 400.0);
    assert_eq!(look.record_rejected(NONE), Found::Rate(300.0));
    assert_eq!(Search::look_above(GRID, 5000.0, 0.0).rate, 10_000.0);
}

#[test]
fn rates_are_rounded_to_the_grid() {
    for (rate, floor, nearest) in [
        (20.0, 100.0, 100.0),
        (249.0, 200.0, 200.0),
        (251.0, 200.0, 300.0),
        (4920.0, 5000.0, 5000.0),
        (7460.0, 7400.0, 7500.0),
        (10_120.0, 10_000.0, 10_000.0),
    ] {
        assert_eq!((GRID.floor(rate), GRID.nearest(rate)), (floor, nearest), "{rate}");
    }
}

#[test]
fn rate_between_two_is_near_their_mean_if_it_matters() {
    assert_eq!(GRID.between(5000.0, 20_000.0, false, NONE), Some(10_000.0));
    assert_eq!(GRID.between(200.0, 1000.0, false, NONE), Some(400.0));
    assert_eq!(GRID.between(200.0, 400.0, false, NONE), Some(300.0));
    assert_eq!(GRID.between(3000.0, 3200.0, false, NONE), None, "less than a tenth");
    assert_eq!(GRID.between(5000.0, 10_000.0, false, NONE), None);
    assert_eq!(GRID.between(5000.0, 10_000.0, true, NONE), Some(7000.0));
}

#[test]
fn rates_that_a_margin_makes_alike_are_not_searched_for() {
    let margin = Duration::from_millis(200);
    assert!(is_faster(100.0, 200.0, margin) && !is_faster(5000.0, 10_000.0, margin));
    assert_eq!(GRID.between(200.0, 400.0, false, margin), Some(300.0));
    assert_eq!(GRID.between(5000.0, 20_000.0, false, margin), None);
    let mut search = Search::start(GRID, 5000.0);
    let found = (0..3).map(|_| search.record_accepted(margin)).last();
    assert_eq!(found, Some(Found::Rate(5000.0)), "twice the rate would be no faster");
}

#[test]
fn look_needs_more_proofs_for_calls_that_were_left_unused() {
    for (unused, proofs) in [(0.0, 8), (10.0, 48), (1000.0, 200)] {
        let mut look = Search::look_above(GRID, 300.0, unused);
        let needed = (1..).find(|_| {
            look.record_accepted(NONE);
            look.rate != 400.0
        });
        assert_eq!(needed, Some(proofs), "{unused} unused");
    }
}
