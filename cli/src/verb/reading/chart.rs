//! A chart of readings as SVG.

use linli_node::api::care::{ChartAnswer, ChartLimit, ChartPoint};
use plotters::prelude::*;

use crate::{moment::Zone, text::Text};

/// Width and height in pixels: a sheet of paper held across.
const SIZE: (u32, u32) = (1_120, 560);

/// A line for each measure of a panel, told apart by those who see no red from green.
const COLOURS: [RGBColor; 2] = [RGBColor(0, 90, 160), RGBColor(150, 75, 0)];

/// Where rules begin to fire.
const LIMIT: RGBColor = RGBColor(190, 0, 60);

/// Times that are written below.
const MARKS_MAX: usize = 8;

/// Fonts that have Chinese, first.
const FONT: &str = "Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif";

/// Draws a chart. It names what was measured and when, and not of whom: a file is passed on more easily than a record.
pub(super) fn svg(text: &Text, zone: &Zone, chart: &ChartAnswer) -> anyhow::Result<String> {
    let mut drawn = String::new();
    draw(text, zone, chart, &mut drawn).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(drawn)
}

fn draw(
    text: &Text,
    zone: &Zone,
    chart: &ChartAnswer,
    drawn: &mut String,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(drawn, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let names = chart.series.iter().map(|series| text.word("measure", &series.measure));
    let unit = chart.series.first().map(|series| series.unit.as_str()).unwrap_or_default();
    let last = chart.until_ms.saturating_sub(1).max(chart.from_ms);
    let title = format!(
        "{} ({unit})  {} – {}",
        names.collect::<Vec<_>>().join(" / "),
        minute(zone, chart.from_ms),
        minute(zone, last),
    );
    let mut plot = ChartBuilder::on(&area)
        .caption(title, (FONT, 22))
        .margin(14)
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d(
            (chart.from_ms..chart.until_ms).with_key_points(marks(chart)),
            range(chart),
        )?;
    plot.configure_mesh()
        .light_line_style(WHITE)
        .x_labels(MARKS_MAX)
        .x_label_formatter(&|at| minute(zone, *at))
        .y_label_formatter(&|value| format!("{value:.1}").trim_end_matches(".0").to_owned())
        .label_style((FONT, 14))
        .draw()?;
    for limit in chart.series.iter().flat_map(|series| &series.limits) {
        let line = [(chart.from_ms, limit_of(limit)), (last, limit_of(limit))];
        plot.draw_series(DashedLineSeries::new(line, 6, 4, LIMIT.stroke_width(1)))?;
        let word = match &limit.source {
            Some(source) => format!("{} · {source}", limit.rule),
            None => limit.rule.clone(),
        };
        let place = (chart.from_ms, limit_of(limit));
        let font = (FONT, 12).into_font().color(&LIMIT);
        // Above its line, which it would else stand on.
        let word = plotters::element::Text::new(word, (4, -14), font);
        plot.draw_series([EmptyElement::at(place) + word])?;
    }
    for (series, colour) in chart.series.iter().zip(COLOURS) {
        let of = &series.points;
        // What lies between the lowest and the highest of a step.
        plot.draw_series(of.iter().map(|point| {
            let ends = vec![(point.at_ms, number(&point.low)), (point.at_ms, number(&point.high))];
            PathElement::new(ends, colour.mix(0.4).stroke_width(3))
        }))?;
        let mean = |point: &ChartPoint| (point.at_ms, number(&point.mean));
        plot.draw_series(LineSeries::new(of.iter().map(mean), colour.stroke_width(2)))?
            .label(text.word("measure", &series.measure))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        plot.draw_series(of.iter().map(|point| Circle::new(mean(point), 3, colour.filled())))?;
    }
    if chart.series.len() > 1 {
        plot.configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .label_font((FONT, 14))
            .draw()?;
    }
    area.present()?;
    Ok(())
}

/// Where the time is written: every so many whole hours or days from the beginning, which is a midnight for most.
fn marks(chart: &ChartAnswer) -> Vec<u64> {
    const HOUR: u64 = 60 * 60 * 1_000;
    let span = chart.until_ms.saturating_sub(chart.from_ms);
    let between = span.div_ceil(u64::try_from(MARKS_MAX).unwrap_or(1));
    let unit = if between > 12 * HOUR { 24 * HOUR } else { HOUR };
    let step = between.max(1).next_multiple_of(unit);
    (0..span.div_ceil(step)).map(|i| chart.from_ms.saturating_add(i.saturating_mul(step))).collect()
}

/// The values that are shown: all that were measured, with the rules that they come near to.
fn range(chart: &ChartAnswer) -> std::ops::Range<f64> {
    let points = chart.series.iter().flat_map(|series| &series.points);
    let values = points.flat_map(|point| [number(&point.low), number(&point.high)]);
    let limits = chart.series.iter().flat_map(|series| &series.limits).map(limit_of);
    let all: Vec<f64> = values.chain(limits).collect();
    let low = all.iter().copied().fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return 0.0..1.0;
    }
    let room = ((high - low) * 0.08).max(0.5);
    low - room..high + room
}

fn limit_of(limit: &ChartLimit) -> f64 {
    number(&limit.value)
}

/// A decimal number as a place on the page.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or_default()
}

/// A time to the minute.
fn minute(zone: &Zone, at_ms: u64) -> String {
    let mut shown = zone.show(at_ms);
    shown.truncate("2026-03-01 08:30".len());
    shown
}

#[cfg(test)]
mod tests {
    use linli_node::api::care::ChartSeries;
    use linli_node::config::Environment;

    use super::*;
    use crate::text::Language;

    fn chart(points: usize) -> ChartAnswer {
        let point = |i: usize| ChartPoint {
            at_ms: 1_704_067_200_000 + 86_400_000 * u64::try_from(i).unwrap(),
            count: 2,
            low: "3.5".to_owned(),
            mean: "4.25".to_owned(),
            high: "5".to_owned(),
        };
        let limit = ChartLimit {
            rule: "glucose-low".to_owned(),
            side: "below".to_owned(),
            value: "3.9".to_owned(),
            source: Some("<ADA> & others".to_owned()),
        };
        ChartAnswer {
            elder: "e1".to_owned(),
            from_ms: 1_704_067_200_000,
            until_ms: 1_704_067_200_000 + 31 * 86_400_000,
            step_ms: 21_600_000,
            series: vec![ChartSeries {
                measure: "glucose".to_owned(),
                code: "15074-8".to_owned(),
                unit: "mmol/L".to_owned(),
                points: (0..points).map(point).collect(),
                implausible: 0,
                limits: vec![limit],
            }],
        }
    }

    fn drawn(chart: &ChartAnswer, language: Language) -> String {
        let zone = Zone::choose(&Environment::of(&[("LINLI_TZ", "Asia/Shanghai")])).unwrap();
        svg(&Text::of(language), &zone, chart).unwrap()
    }

    #[test]
    fn a_chart_shows_every_step_and_where_rules_fire() {
        let shown = drawn(&chart(31), Language::Zh);
        assert_eq!(shown.matches("<circle").count(), 31);
        for part in ["血糖", "mmol/L", "2024-01-01 08:00", "&lt;ADA&gt; &amp; others"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("e1\""), "nobody is named");
        assert!(drawn(&chart(1), Language::En).contains("glucose"));
    }

    #[test]
    fn times_are_written_at_whole_days_and_hours() {
        let days = |first: u64, length: u64| {
            let until_ms = first + length * 86_400_000;
            marks(&ChartAnswer { from_ms: first, until_ms, ..chart(0) })
        };
        assert_eq!(days(57_600_000, 1).len(), 8);
        for (length, step) in [(1, 3), (31, 4 * 24), (366, 46 * 24)] {
            let marks = days(57_600_000, length);
            assert!((7..=8).contains(&marks.len()) && marks[0] == 57_600_000, "{marks:?}");
            assert!(marks.windows(2).all(|two| two[1] - two[0] == step * 3_600_000), "{marks:?}");
        }
    }

    #[test]
    fn a_chart_of_nothing_is_drawn_too() {
        let mut nothing = chart(0);
        nothing.series[0].limits.clear();
        assert_eq!(drawn(&nothing, Language::En).matches("<circle").count(), 0);
    }
}
