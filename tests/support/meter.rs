//! Metrics of all tests, as OpenTelemetry gets them.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{
    Aggregation, InMemoryMetricExporter, Instrument, PeriodicReader, SdkMeterProvider, Stream,
};

/// The metrics of one hub: name and attributes, with the sum of a counter, or the count and the sum of a
/// histogram.
pub(crate) type Metrics = BTreeMap<(String, String), (f64, f64)>;

fn exporter() -> &'static InMemoryMetricExporter {
    static EXPORTER: OnceLock<InMemoryMetricExporter> = OnceLock::new();
    EXPORTER.get_or_init(InMemoryMetricExporter::default)
}

pub(crate) fn meter_provider() -> &'static SdkMeterProvider {
    static PROVIDER: OnceLock<SdkMeterProvider> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let reader = PeriodicReader::builder(exporter().clone()).with_interval(Duration::from_secs(3600));
        SdkMeterProvider::builder().with_reader(reader.build()).with_view(seconds).build()
    })
}

/// The view of the crate page.
fn seconds(instrument: &Instrument) -> Option<Stream> {
    let name = instrument.name();
    let is_duration = name.starts_with("iothub.client.") && name.ends_with(".duration");
    let boundaries = vec![
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0, 120.0,
    ];
    let buckets = Aggregation::ExplicitBucketHistogram { boundaries, record_min_max: true };
    let stream = Stream::builder().with_unit("s").with_aggregation(buckets);
    is_duration.then(|| stream.build().ok()).flatten()
}

/// Returns the units of all metrics recorded so far, with the least and the greatest boundary of a histogram.
pub(crate) fn units() -> BTreeMap<String, (String, Option<(f64, f64)>)> {
    meter_provider().force_flush().unwrap();
    let exported = exporter().get_finished_metrics().unwrap();
    let metrics = exported.last().into_iter().flat_map(|metrics| metrics.scope_metrics());
    let units = metrics.flat_map(|scope| scope.metrics()).map(|metric| {
        let bounds = match metric.data() {
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                let bounds: Vec<f64> = histogram.data_points().next().unwrap().bounds().collect();
                Some((bounds[0], bounds[bounds.len() - 1]))
            }
            _ => None,
        };
        (metric.name().to_owned(), (metric.unit().to_owned(), bounds))
    });
    units.collect()
}

/// Returns the metrics that were recorded for `hub` so far.
pub(crate) fn metrics_of(hub: &str) -> Metrics {
    meter_provider().force_flush().unwrap();
    let exported = exporter().get_finished_metrics().unwrap();
    let scopes = exported.last().into_iter().flat_map(|metrics| metrics.scope_metrics());
    let mut found = Metrics::new();
    for metric in scopes.flat_map(|scope| scope.metrics()) {
        let points: Vec<(String, (f64, f64))> = match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
                .data_points()
                .map(|point| (labels(point.attributes()), (1.0, point.value() as f64)))
                .collect(),
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
                .data_points()
                .map(|point| (labels(point.attributes()), (point.count() as f64, point.sum())))
                .collect(),
            other => panic!("{} is {other:?}", metric.name()),
        };
        let of_hub = points.into_iter().filter(|(labels, _)| labels.contains(&format!("iothub.hub={hub} ")));
        found.extend(of_hub.map(|(labels, values)| ((metric.name().to_owned(), labels), values)));
    }
    found
}

/// Returns attributes in a fixed order, each with a space after it.
fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut labels: Vec<_> =
        attributes.map(|attribute| format!("{}={} ", attribute.key, attribute.value)).collect();
    labels.sort();
    labels.concat()
}
