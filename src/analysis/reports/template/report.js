/* Draws the charts and adds comforts. Everything on the page can be read without it. */
(function () {
  "use strict";
  var root = document.documentElement;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var config = {responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
                modeBarButtonsToRemove: ["lasso2d", "select2d"]};

  function remembered() {
    try { return window.localStorage.getItem("virality-theme"); } catch (error) { return null; }
  }
  function all(selector, visit, within) {
    Array.prototype.forEach.call((within || document).querySelectorAll(selector), visit);
  }
  function make(tag, className, text) {
    var node = document.createElement(tag);
    if (className) { node.className = className; }
    if (text !== undefined) { node.textContent = text; }
    return node;
  }
  function isDark() {
    return root.dataset.theme === "dark" || (root.dataset.theme === "auto" && dark.matches);
  }

  var chosen = remembered();
  if (chosen === "dark" || chosen === "light") { root.dataset.theme = chosen; }
  root.classList.add("scripted");

  /* Charts ---------------------------------------------------------------------------------- */

  /* Of the axes only those whose author chose no colours. */
  function colours(target) {
    var style = getComputedStyle(root);
    function value(name) { return style.getPropertyValue(name).trim(); }
    var ink = value("--ink"), line = value("--line");
    var out = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font.color": ink,
               "legend.bgcolor": "rgba(0,0,0,0)", "hoverlabel.bgcolor": value("--panel"),
               "hoverlabel.bordercolor": line, "hoverlabel.font.color": ink,
               "modebar.color": value("--muted"), "modebar.activecolor": ink, "modebar.bgcolor": "rgba(0,0,0,0)"};
    target.plainAxes.forEach(function (axis) {
      out[axis + ".gridcolor"] = line;
      out[axis + ".linecolor"] = value("--muted");
      out[axis + ".zerolinecolor"] = value("--muted");
    });
    return out;
  }
  function plainAxes(full, given) {
    return Object.keys(full).filter(function (key) {
      return /^[xy]axis\d*$/.test(key) && !(given[key] && given[key].gridcolor);
    });
  }
  /* Times in even steps come as {since, step, count}, in milliseconds. */
  function unpack(data) {
    data.forEach(function (trace) {
      ["x", "y"].forEach(function (axis) {
        var packed = trace[axis];
        if (packed && packed.count) {
          trace[axis] = Array.from({length: packed.count}, function (_, index) {
            return new Date(packed.since + index * packed.step).toISOString().slice(0, -1);
          });
        }
      });
    });
    return data;
  }
  function draw(figure, templates) {
    var target = figure.querySelector(".drawing");
    var spec = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    spec.data = unpack(spec.data);
    if (window.virality.shift) { spec = window.virality.shift(spec); }
    var layout = Object.assign({}, spec.layout, {autosize: true, template: templates[spec.template]});
    layout.height = Number(target.dataset.height);
    if (figure.clientWidth < 520) { /* a legend of many rows would take half of the chart, and scroll */
      var keys = spec.data.filter(function (trace) { return trace.name && trace.showlegend !== false; }).length;
      layout.height += 14 * Math.max(keys - 4, 0);
      layout.legend = Object.assign({}, layout.legend, {maxheight: layout.height});
    }
    layout.margin = Object.assign({t: 36, r: 16, b: 48, l: 56}, layout.margin);
    layout.font = Object.assign({}, layout.font, {family: getComputedStyle(document.body).fontFamily});
    target.hidden = false;
    target.style.minHeight = layout.height + "px";
    return window.Plotly.newPlot(target, spec.data, layout, config).then(function () {
      target.plainAxes = plainAxes(target._fullLayout, spec.layout);
      return window.Plotly.relayout(target, colours(target));
    }).then(function () {
      figure.classList.add("drawn");
    }, function () {
      target.hidden = true; /* the picture and the numbers stay */
    });
  }
  function drawAll() {
    var holder = document.getElementById("templates");
    if (!window.Plotly || !holder) { return; }
    var templates = JSON.parse(holder.textContent);
    var waiting = [];
    all("figure.chart", function (figure) { waiting.push(draw(figure, templates)); });
    Promise.all(waiting).then(function () {
      root.dataset.drawn = document.querySelectorAll("figure.chart.drawn").length;
    });
  }
  function repaint() {
    all("figure.chart.drawn .drawing", function (target) {
      window.Plotly.relayout(target, colours(target));
    });
  }

  /* Theme ----------------------------------------------------------------------------------- */

  function themeButton() {
    var button = document.getElementById("theme");
    if (!button) { return; }
    function label() { button.textContent = isDark() ? "Light theme" : "Dark theme"; }
    label();
    button.addEventListener("click", function () {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { window.localStorage.setItem("virality-theme", root.dataset.theme); } catch (error) { /* not kept */ }
      label();
      repaint();
    });
    dark.addEventListener("change", function () { label(); repaint(); });
  }

  /* Tables ---------------------------------------------------------------------------------- */

  function words(cell) { return cell ? cell.textContent.trim() : ""; }
  function number(text) {
    var plain = text.replace(/,/g, "");
    return /^[-+−]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?%?$/i.test(plain) ? parseFloat(plain.replace("−", "-")) : NaN;
  }
  function order(a, b) {
    var x = number(a), y = number(b);
    if (!isNaN(x) && !isNaN(y)) { return x - y; }
    return a < b ? -1 : a > b ? 1 : 0;
  }
  function missing(text) { return text === "" || text === "unknown" || text === "NaN"; }
  function sortBy(table, column, descending) {
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (first, second) {
      var a = words(first.cells[column]), b = words(second.cells[column]);
      if (missing(a) || missing(b)) { return missing(a) - missing(b); } /* unknown last, both ways */
      return descending ? order(b, a) : order(a, b);
    });
    rows.forEach(function (row) { body.appendChild(row); });
  }
  function sortable(table) {
    var head = table.tHead && table.tHead.rows.length === 1 ? table.tHead.rows[0] : null;
    var body = table.tBodies[0];
    if (!head || !body || body.rows.length < 3) { return; }
    var plain = Array.prototype.every.call(body.rows, function (row) { return row.cells.length === head.cells.length; });
    if (!plain) { return; }
    Array.prototype.forEach.call(head.cells, function (cell, column) {
      if (cell.tagName !== "TH" || !words(cell)) { return; }
      var button = make("button", "sort", words(cell));
      cell.dataset.words = words(cell); /* for paper: browsers leave buttons out where a header is repeated */
      button.type = "button";
      cell.textContent = "";
      cell.appendChild(button);
      button.addEventListener("click", function () {
        var descending = cell.getAttribute("aria-sort") === "ascending";
        all("th[aria-sort]", function (other) { other.removeAttribute("aria-sort"); }, table);
        cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sortBy(table, column, descending);
      });
    });
  }
  function csvCell(text) {
    /* a spreadsheet must not take a title for a formula */
    var safe = /^[=+\-@\t\r]/.test(text) && isNaN(number(text)) ? "'" + text : text;
    return /[",\n\r]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
  }
  function download(table, name) {
    var lines = Array.prototype.map.call(table.rows, function (row) {
      return Array.prototype.map.call(row.cells, function (cell) { return csvCell(words(cell)); }).join(",");
    });
    var link = make("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], {type: "text/csv;charset=utf-8"}));
    link.download = name;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  }
  function tables() {
    var count = 0;
    all("main table", function (table) {
      sortable(table);
      var region = table.closest(".scroll");
      if (!region || table.closest(".behind") || table.rows.length < 3) { return; }
      count += 1;
      var name = "table-" + count + ".csv";
      var button = make("button", "quiet csv", "Download as CSV");
      button.type = "button";
      button.setAttribute("aria-label", "Download as CSV: table " + count);
      button.addEventListener("click", function () { download(table, name); });
      region.parentNode.insertBefore(button, region.nextSibling);
    });
  }

  /* Freshness ------------------------------------------------------------------------------- */

  function day(moment) { return new Date(moment).toISOString().slice(0, 16).replace("T", " ") + " UTC"; }
  function overdue(moment) { return moment && Date.now() > Date.parse(moment); }
  function freshness() {
    var place = document.getElementById("freshness"), run = window.viralityRun;
    if (!place || !run) { return; }
    var said = [];
    if (run.newer) {
      var link = make("a", "", "Open the newer one");
      link.href = "../" + encodeURIComponent(run.newer) + "/index.html";
      said = ["This page was made " + day(run.made) + " and is no longer the newest of its kind. ", link];
    } else if (overdue(run.renew_by)) {
      said = [make("strong", "", "This page is out of date. "), "It should have been renewed by " + day(run.renew_by) +
              (run.failed ? "; the last attempt, on " + day(run.failed) + ", failed." : " and was not.")];
    } else if (run.failed) {
      said = [make("strong", "", "The last attempt to renew this page failed"), " (" + day(run.failed) + ")."];
    }
    place.classList.toggle("loud", said.length > 0);
    if (!said.length) {
      said = ["Made " + day(run.made) + (run.checked !== run.made ? ", found up to date " + day(run.checked) : "") +
              (run.renew_by ? ", to be renewed by " + day(run.renew_by) : "") + "."];
    }
    said.forEach(function (part) { place.append(part); });
    place.hidden = false;
    var changed = document.getElementById("changed");
    if (changed && run.changed) { changed.textContent = run.changed + " "; }
  }
  function overdueCards() {
    all(".card[data-renew]", function (card) {
      if (overdue(card.dataset.renew)) {
        var note = make("p", "warn");
        note.append(make("strong", "", "Out of date: "), "it should have been renewed by " + day(card.dataset.renew) + ".");
        card.appendChild(note);
      }
    });
  }

  /* The index ------------------------------------------------------------------------------- */

  function search() {
    var input = document.getElementById("search");
    if (!input) { return; }
    input.addEventListener("input", function () {
      var wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
      all("table.found-by-words tbody tr", function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !wanted.every(function (word) { return text.indexOf(word) >= 0; });
        shown += row.hidden ? 0 : 1;
      });
      var counted = shown === 1 ? input.dataset.counts.slice(0, -1) : input.dataset.counts;
      document.getElementById("found").textContent = wanted.length ? shown + " " + counted : "";
    });
  }

  /* Paper ----------------------------------------------------------------------------------- */

  function paper() {
    var opened = [];
    window.addEventListener("beforeprint", function () {
      all("details:not([open])", function (part) { part.open = true; opened.push(part); });
    });
    window.addEventListener("afterprint", function () {
      opened.forEach(function (part) { part.open = false; });
      opened = [];
    });
  }

  window.virality = {unpack: unpack, drawAll: drawAll, shift: null}; /* for pictures.js and zone.js */
  document.addEventListener("DOMContentLoaded", function () {
    all(".needs-script", function (part) { part.hidden = false; });
    all(".behind", function (part) { part.open = false; });
    if (window.matchMedia("(max-width: 60rem)").matches) {
      all(".contents details", function (part) { part.open = false; });
    }
    themeButton();
    tables();
    freshness();
    overdueCards();
    search();
    paper();
    if (window.virality.zone) { window.virality.zone(); }
    drawAll();
  });
})();
