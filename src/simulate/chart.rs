//! How far each expert is from their fair share, as a picture in SVG.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::Outcome;

const SIZE: (u32, u32) = (960, 420);
/// Told apart without colours, too, by their order.
const COLOURS: [RGBColor; 3] = [
    RGBColor(0, 114, 130),
    RGBColor(201, 124, 0),
    RGBColor(120, 120, 120),
];
/// Shares within this are called fair.
const FAIR: f64 = 5.0;

/// Draws the outcomes side by side for each expert.
///
/// # Errors
/// When the drawing fails.
pub fn draw(outcomes: &[Outcome]) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        drawn(&area, outcomes).map_err(|error| anyhow!("the chart was not drawn: {error}"))?;
    }
    Ok(text)
}

fn drawn<'a, B: DrawingBackend + 'a>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    outcomes: &[Outcome],
) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let percent: Vec<Vec<f64>> = outcomes
        .iter()
        .map(|outcome| outcome.deviations().iter().map(|d| d * 100.0).collect())
        .collect();
    let people = percent.first().map_or(0, Vec::len);
    let most = percent
        .iter()
        .flatten()
        .fold(FAIR, |most, d| most.max(d.abs()))
        * 1.15;
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(
            "Distance from the fair share of the work",
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(0.5..people as f64 + 0.5, -most..most)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(people)
        .x_desc("expert")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_desc("percent")
        .y_label_formatter(&|y| format!("{y:+.0}"))
        .draw()?;
    let width = 0.8 / outcomes.len().max(1) as f64;
    for (place, outcome) in outcomes.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let bars = percent[place].iter().enumerate().map(|(person, height)| {
            let left = person as f64 + 0.6 + width * place as f64;
            Rectangle::new(
                [(left, 0.0), (left + width * 0.9, *height)],
                colour.filled(),
            )
        });
        chart
            .draw_series(bars)?
            .label(outcome.strategy.as_str())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    for limit in [-FAIR, FAIR] {
        let line = [(0.5, limit), (people as f64 + 0.5, limit)];
        chart.draw_series(std::iter::once(PathElement::new(line, BLACK.mix(0.4))))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    area.present()
}
