//! Servers and frameworks that do not begin: nginx (`src/core/ngx_log.c`), Spring Boot
//! (<https://docs.spring.io/spring-boot/reference/features/spring-application.html#features.spring-application.startup-failure>),
//! gunicorn (`gunicorn/sock.py`), Django's system checks
//! (<https://docs.djangoproject.com/en/stable/ref/checks/>), Rake and Bazel, which name what they miss.

use crate::analysis::dialect::Spec;
use crate::analysis::dialects::phrases::{Book, Phrase};
use crate::analysis::kind::Kind::{BuildFailure, NetworkError, RuntimeError};
use crate::analysis::report::Rank;

static BOOK: Book = Book {
    tool: "",
    rank: Rank::Runtime,
    phrases: &[
        Phrase::new("nginx: [emerg] bind() to ", NetworkError).of("nginx"),
        Phrase::new("nginx: [emerg] ", RuntimeError).of("nginx"),
        Phrase::new("nginx: [alert] ", RuntimeError).of("nginx"),
        Phrase::new("Web server failed to start. Port ", NetworkError).of("spring"),
        Phrase::new("The Tomcat connector configured to listen on port ", NetworkError)
            .of("spring"),
        Phrase::new("APPLICATION FAILED TO START", RuntimeError).of("spring").wrapper(),
        Phrase::new("", NetworkError).with("[ERROR] Connection in use: (").of("gunicorn"),
        Phrase::new("SystemCheckError: System check identified ", RuntimeError)
            .of("django")
            .wrapper(),
        Phrase::new("", RuntimeError).with(": (models.E").of("django"),
        Phrase::new("", RuntimeError).with(": (fields.E").of("django"),
        Phrase::new("", RuntimeError).with(": (admin.E").of("django"),
        Phrase::new("", RuntimeError).with(": (urls.E").of("django"),
        Phrase::new("Don't know how to build task '", BuildFailure).of("rake"),
        Phrase::new("ERROR: no such target '", BuildFailure).of("bazel"),
        Phrase::new("ERROR: no such package '", BuildFailure).of("bazel"),
        Phrase::new("ERROR: Skipping '", BuildFailure).of("bazel"),
    ],
};

pub(super) static SPEC: Spec = Spec {
    name: "servers",
    markers: &[
        "nginx: [",
        "Web server failed to start",
        "The Tomcat connector ",
        "APPLICATION FAILED TO START",
        "[ERROR] Connection in use",
        "SystemCheckError: ",
        "Don't know how to build task",
        "ERROR: no such ",
        "ERROR: Skipping '",
    ],
    recognises: |sample| BOOK.recognises(sample),
    start: || BOOK.start(),
};

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn what_hinders_the_start_is_quoted() {
        for (text, kind, first) in [
            (
                "nginx: [emerg] unknown directive \"x\" in /etc/a.conf:3\nnginx: configuration file /etc/nginx.conf test failed\n",
                Kind::RuntimeError,
                "nginx: [emerg] unknown directive \"x\" in /etc/a.conf:3",
            ),
            (
                "***\nAPPLICATION FAILED TO START\n***\n\nDescription:\n\nWeb server failed to start. Port 8080 was already in use.\n",
                Kind::NetworkError,
                "Web server failed to start. Port 8080 was already in use.",
            ),
            (
                "rake aborted!\nDon't know how to build task 'x' (See the list)\n",
                Kind::BuildFailure,
                "Don't know how to build task 'x' (See the list)",
            ),
        ] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!((found.kind, found.details.first_error.as_deref()), (kind, Some(first)));
        }
    }
}
