//! The table, and the arithmetic of its cells.

use crate::load::Case;

/// A line.
pub struct Row {
    pub scenario: String,
    pub clients: String,
    pub measured: String,
    pub latency: String,
    pub cpu: String,
    pub ratio: String,
    pub goal: String,
    /// None where there is no goal.
    pub met: Option<bool>,
}

impl Row {
    /// A line that is not about many clients.
    pub fn plain(scenario: &str, measured: String, goal: &str, met: Option<bool>) -> Self {
        Self {
            scenario: scenario.to_owned(),
            clients: "1".to_owned(),
            measured,
            latency: String::new(),
            cpu: String::new(),
            ratio: String::new(),
            goal: goal.to_owned(),
            met,
        }
    }

    /// The line of a load, without a goal.
    pub fn of(case: &Case) -> Self {
        Self {
            scenario: case.title.clone(),
            clients: case.clients.to_string(),
            measured: spread(&case.rates),
            latency: format!(
                "{} / {}",
                short(case.percentile(0.5)),
                short(case.percentile(0.99))
            ),
            cpu: case.cpu_cell(),
            ratio: String::new(),
            goal: String::new(),
            met: None,
        }
    }
}

/// Prints all lines in Markdown.
pub fn print(rows: &[Row]) {
    println!(
        "| scenario | clients | req/s (or as said): median [min..max] | p50 / p99 ms | CPU ms/request: server + Postgres + generator | ratio | goal | met |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        let met = row
            .met
            .map_or("–", |met| if met { "yes" } else { "**no**" });
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {met} |",
            row.scenario, row.clients, row.measured, row.latency, row.cpu, row.ratio, row.goal
        );
    }
}

/// The middle of some values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// `median [min..max]`, with as many digits as such values deserve.
pub fn spread(values: &[f64]) -> String {
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
    format!(
        "{} [{}..{}]",
        short(median(values)),
        short(low),
        short(high)
    )
}

/// Three digits or more.
pub fn short(value: f64) -> String {
    if value.abs() < 10.0 {
        format!("{value:.2}")
    } else if value.abs() < 1000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Each value by its neighbour of the same round.
pub fn ratios(values: &[f64], others: &[f64]) -> Vec<f64> {
    values.iter().zip(others).map(|(a, b)| a / b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(spread(&[1234.4, 9.0, 100.0]), "100.0 [9.00..1234]");
        assert_eq!(ratios(&[2.0, 9.0], &[1.0, 3.0]), [2.0, 3.0]);
    }
}
