//! Version control.

use crate::analysis::dialect::Spec;

mod git;
mod git_words;
mod hooks;
mod others;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] =
    &[&git::SPEC, &others::HG, &others::SVN, &others::GH, &hooks::SPEC];

#[cfg(test)]
mod tests {
    #[test]
    fn any_mixture_is_read_without_harm() {
        crate::analysis::dialects::phrases::harm::read_mixtures(super::SPECS);
    }
}
