//! Which distribution to install for a Python module that is missing
//! (<https://packaging.python.org/en/latest/discussions/distribution-package-vs-import-package/>).

use super::thrown::Thrown;

/// What is missing.
pub(super) enum Missing<'t> {
    Package(&'t str),
    /// A module of the project itself.
    Own,
    Unknown,
}

/// `No module named 'a.b'`: the package to install.
pub(super) fn missing_module(thrown: &Thrown) -> Missing<'_> {
    let Some(rest) = thrown.error.message.split("No module named ").nth(1) else {
        return Missing::Unknown;
    };
    let rest = rest.trim_start_matches(['\'', '"']);
    let end = rest.find(['\'', '"', ';', ' ']).unwrap_or(rest.len());
    let module = rest.get(..end).unwrap_or(rest);
    let top = module.split('.').next().unwrap_or(module);
    if rest.contains("is not a package") {
        return Missing::Own;
    }
    let own = |file: &String| {
        file.split(['/', '\\']).any(|part| part == top || part.strip_suffix(".py") == Some(top))
    };
    if module.contains('.') && thrown.files().iter().any(own) {
        return Missing::Own;
    }
    match top {
        // Parts of the interpreter that were left out of a build of it.
        "" | "tkinter" | "curses" | "readline" | "lzma" | "bz2" => Missing::Unknown,
        _ if top.starts_with('_') => Missing::Unknown,
        _ => Missing::Package(distribution(top)),
    }
}

/// The distribution a module comes in, where their names differ.
fn distribution(module: &str) -> &str {
    match module {
        "yaml" => "pyyaml",
        "cv2" => "opencv-python",
        "PIL" => "pillow",
        "sklearn" => "scikit-learn",
        "skimage" => "scikit-image",
        "bs4" => "beautifulsoup4",
        "dotenv" => "python-dotenv",
        "dateutil" => "python-dateutil",
        "jwt" => "pyjwt",
        "jose" => "python-jose",
        "Crypto" => "pycryptodome",
        "OpenSSL" => "pyopenssl",
        "git" => "gitpython",
        "github" => "pygithub",
        "MySQLdb" => "mysqlclient",
        "psycopg2" => "psycopg2-binary",
        "serial" => "pyserial",
        "zmq" => "pyzmq",
        "docx" => "python-docx",
        "pptx" => "python-pptx",
        "fitz" => "pymupdf",
        "magic" => "python-magic",
        "multipart" => "python-multipart",
        "rest_framework" => "djangorestframework",
        "pkg_resources" | "distutils" => "setuptools",
        _ => module,
    }
}
