//! The page in a browser: Debian's `chromium`, without a window.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::report::{Format, write};
use tempfile::TempDir;

use crate::{matrices, sample};

/// The browser of this machine. Without one a test says so and is skipped, which is a failure if
/// `IOCONFORM_STRICT` is `1`.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        let strict = std::env::var_os("IOCONFORM_STRICT").is_some_and(|value| value == "1");
        assert!(!strict, "there is no chromium; mend: apt-get install chromium");
        eprintln!("skipped: there is no chromium; mend: apt-get install chromium");
    }
    found
}

/// Loads a page until its script has nothing to do any more. Returns what `wish` asks for, and what
/// the page said on its console.
fn load(browser: &Path, folder: &TempDir, address: &str, wish: &[&str]) -> (String, Vec<String>) {
    let Output { stdout, stderr, status } = Command::new("timeout")
        .arg("120")
        .arg(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--enable-logging=stderr",
            "--virtual-time-budget=3000",
        ])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .args(wish)
        .arg(address)
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{status}: {stderr}");
    let said = stderr.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned);
    (String::from_utf8_lossy(&stdout).into_owned(), said.collect())
}

/// The page of the sample in a folder, with `more` behind it.
fn page(folder: &TempDir, more: &str) -> String {
    let text = Format::Html.render_matrix(&sample::matrix(&matrices::run(180)));
    let file = folder.path().join("page.html");
    write(&file, &(text + more)).unwrap();
    format!("file://{}", file.display())
}

/// The ids of the rows that the page shows.
fn shown(dom: &str) -> Vec<&str> {
    let rows = dom.split("<tr id=\"").skip(1).filter_map(|row| row.split_once('>'));
    rows.filter(|(tag, _)| !tag.contains("hidden"))
        .filter_map(|(tag, _)| Some(tag.split_once('"')?.0))
        .collect()
}

#[test]
fn the_page_loads_filters_and_opens_what_its_address_says() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = page(&folder, "");
    let base = matrices::run(180);
    let id = |row: usize| &*base.records[row].id;

    let dom = |hash: &str| {
        let (dom, said) = load(&browser, &folder, &format!("{address}{hash}"), &["--dump-dom"]);
        assert_eq!(said, [""; 0], "{hash}");
        dom
    };
    let plain = dom("");
    assert_eq!(shown(&plain).len(), 180);
    assert!(plain.contains(">180 cases</output>"));
    assert_eq!(
        shown(&dom("#?verdict=changes&kernel=6.12")),
        [id(sample::FIXED_IN_6_12)],
        "only there the verdict is not that of the kernel before"
    );
    let found = dom("#?q=herd+behaviour+10");
    assert!(shown(&found).iter().all(|id| id.starts_with("herd.")), "{:?}", shown(&found));
    assert_eq!(shown(&dom("#?area=uring")).len(), 36);
    assert_eq!(shown(&dom("#?q=nothing+of+that+name")), [""; 0]);

    let open = dom(&format!("#{}@6.1", id(sample::FIXED_IN_6_12)));
    let (_, drawer) = open.split_once("<aside id=\"drawer\"").unwrap();
    let (drawer, _) = drawer.split_once("</aside>").unwrap();
    assert!(!drawer.split_once('>').unwrap().0.contains("hidden"), "{drawer}");
    for says in [
        "the wrong one was woken",
        sample::COMMIT,
        "<pre>[1, 1, 1]</pre>",
        &format!("ioconform matrix --kernel 6.1 {}", id(sample::FIXED_IN_6_12)),
        "linux-image-6.1.89-cloud-amd64 1-1",
    ] {
        assert!(drawer.contains(says), "{says}: {drawer}");
    }
}

/// What a person's keys do, and what the page answers to each.
const KEYS: &str = r#"<script>
const ready = setInterval(() => {
if (document.getElementById("filter").hidden) return;
clearInterval(ready);
const press = (key) => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const drawer = document.getElementById("drawer");
const at = () => document.activeElement.parentElement.id.slice(-3) + "/" + document.activeElement.cellIndex;
const log = [];
press("/"); log.push(document.activeElement.name);
press("Escape"); log.push(document.activeElement.tagName);
document.querySelector(".matrix td[tabindex='0']").focus(); log.push(at());
press("ArrowRight"); press("ArrowDown"); log.push(at());
press("Enter"); log.push(drawer.hidden, drawer.getAttribute("aria-label").slice(-10), location.hash.slice(-8));
press("ArrowLeft"); log.push(drawer.getAttribute("aria-label").slice(-11));
press("Escape"); log.push(drawer.hidden, at(), location.hash);
console.log("keys: " + log.join(" "));
});
</script>"#;

#[test]
fn keys_walk_through_the_page() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, said) = load(&browser, &folder, &page(&folder, KEYS), &["--dump-dom"]);
    assert_eq!(said.len(), 1, "{said:?}");
    let keys = "keys: q BODY 000/1 001/2 false 001 on 6.1 _001@6.1 001 on 5.10 true 001/1 ";
    assert!(said[0].contains(keys), "{said:?}");
}

/// A console that says nothing would prove nothing.
#[test]
fn an_error_of_a_page_is_seen() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, said) =
        load(&browser, &folder, &page(&folder, "<script>nothing()</script>"), &["--dump-dom"]);
    assert!(said.len() == 1 && said[0].contains("nothing is not defined"), "{said:?}");
}

/// The lanes are drawn, a bar a call, each with its call as a title, and the same stands there as text.
#[test]
fn a_timeline_is_drawn() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = matrices::run(2);
    crate::html::trace(&mut run.records[0], 3);
    let file = folder.path().join("page.html");
    write(&file, &Format::Html.render(&run)).unwrap();
    let address = format!("file://{}#{}@this machine", file.display(), run.records[0].id);
    let (dom, said) = load(&browser, &folder, &address, &["--dump-dom"]);
    assert_eq!(said, [""; 0]);
    let (_, drawer) = dom.split_once("<svg").unwrap();
    let (svg, rest) = drawer.split_once("</svg>").unwrap();
    assert!(
        svg.contains("aria-label=\"6 calls of 2 threads in 6.500 ms; as text below\""),
        "{svg}"
    );
    assert_eq!(
        (svg.matches("class=\"slept\"").count(), svg.matches("class=\"ran\"").count()),
        (3, 3)
    );
    assert!(
        svg.contains("<title>read(3) = 1\nslept, from 2.000 ms, for 1.500 ms</title>"),
        "{svg}"
    );
    let text = "     1.000  2        write(4) = 1 ×3, until 5.000\n     1.500  3        woken: read(3) = 1, slept 1.500 ms\n";
    assert!(rest.contains(text), "{rest}");
}
