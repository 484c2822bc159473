//! Package managers.

use crate::analysis::dialect::Spec;

mod go_modules;
mod npm;
mod npm_likes;
mod pip;
mod resolvers;
mod uv;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[
    &npm::SPEC,
    &npm_likes::PNPM,
    &npm_likes::YARN,
    &npm_likes::BERRY,
    &npm_likes::BUN,
    &uv::SPEC,
    &pip::SPEC,
    &resolvers::POETRY,
    &resolvers::CARGO,
    &go_modules::SPEC,
    &resolvers::BUNDLER,
    &resolvers::COMPOSER,
    &resolvers::SYSTEM,
];

/// Whether a code is the system's or Node's name for a peer that cannot be reached or trusted
/// (`errno(3)`, <https://nodejs.org/api/errors.html>, `X509_V_ERR_*` of OpenSSL).
fn network_code(code: &str) -> bool {
    const CODES: [&str; 20] = [
        "ECONNREFUSED",
        "ECONNRESET",
        "ECONNABORTED",
        "ENOTFOUND",
        "ETIMEDOUT",
        "ESOCKETTIMEDOUT",
        "EAI_AGAIN",
        "EAI_FAIL",
        "EHOSTUNREACH",
        "ENETUNREACH",
        "EPIPE",
        "ERR_SOCKET_TIMEOUT",
        "FETCH_ERROR",
        "EPROTO",
        "SELF_SIGNED_CERT_IN_CHAIN",
        "DEPTH_ZERO_SELF_SIGNED_CERT",
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "CERT_HAS_EXPIRED",
        "ERR_TLS_CERT_ALTNAME_INVALID",
    ];
    CODES.contains(&code)
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_mixture_is_read_without_harm() {
        crate::analysis::dialects::phrases::harm::read_mixtures(super::SPECS);
    }
}
