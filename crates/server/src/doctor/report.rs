//! The lines that are printed.

pub(super) fn ok(step: &str, text: &str) {
    line("ok", step, text);
}

pub(super) fn no(step: &str, text: &str) {
    line("FAIL", step, text);
}

pub(super) fn note(step: &str, text: &str) {
    line("-", step, text);
}

/// The last lines.
pub(super) fn faults(faults: &[String]) {
    for fault in faults {
        println!("fault: {}", shown(fault));
    }
}

fn line(mark: &str, step: &str, text: &str) {
    println!("{mark:<4}  {step:<9}  {}", shown(text));
}

/// What others said must not command the terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
