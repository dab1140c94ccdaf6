/* Times in the reader's choice of UTC or the site's zone. The page says UTC; without scripts it stays so. */
(function () {
  "use strict";
  var MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  var MOMENT = new RegExp("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d(?::\\d\\d)?( UTC)?|\\b(\\d\\d) (" + MONTHS.join("|") +
                          ")( \\d{4})? (\\d\\d:\\d\\d)( UTC)?", "g");
  var AXIS = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/;
  var PLACES = ["x", "y", "x0", "x1", "y0", "y1", "range"];
  var zone = "", called = "", clock = null, wrapped = false, known = {};

  /* "2018-03-12 14:00" in UTC as the clock of the site's zone has it, in as many words. */
  function local(words) {
    if (!(words in known)) {
      var time = /\d\d:\d\d/.test(words), moment = new Date(words.slice(0, 10) + "T" + (words.slice(11) || "00:00") + "Z");
      var parts = {};
      clock.formatToParts(moment).forEach(function (part) { parts[part.type] = part.value; });
      var out = parts.year + "-" + parts.month + "-" + parts.day + " " + parts.hour + ":" + parts.minute;
      known[words] = out + (time ? words.slice(16) : "");
    }
    return known[words];
  }
  /* "18 Mar 23:00", as sentences have it: of the last such day that the data can reach. */
  function short(day, month, year, time, named) {
    var asOf = (document.querySelector(".as-of strong") || document.body).textContent.slice(0, 10);
    var rest = "-" + String(MONTHS.indexOf(month) + 101).slice(1) + "-" + day, guess = Number(asOf.slice(0, 4));
    if (!year && guess + rest > asOf) { guess -= 1; }
    var out = local((year ? year.trim() : guess) + rest + " " + time);
    return out.slice(8, 10) + " " + MONTHS[Number(out.slice(5, 7)) - 1] + (year ? " " + out.slice(0, 4) : "") + out.slice(10) +
           (named ? " " + called : "");
  }
  function inWords(text) {
    return text.replace(MOMENT, function (found, utc, day, month, year, time, named) {
      if (day) { return short(day, month, year, time, named); }
      return local(utc ? found.slice(0, -4) : found) + (utc ? " " + called : "");
    });
  }

  /* Each moment on the page becomes an element that remembers what it said. */
  function remember(node, from, to, shown) {
    var place = document.createElement("span");
    place.className = "moment";
    place.dataset.utc = node.data.slice(from, to);
    place.dataset.local = shown;
    var rest = node.splitText(from);
    rest.splitText(to - from);
    rest.parentNode.replaceChild(place, rest);
    place.textContent = place.dataset.utc;
  }
  function wrap(part) {
    var walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT), nodes = [];
    while (walker.nextNode()) {
      if (!walker.currentNode.parentElement.closest("script, style, pre, .drawing, .moment")) { nodes.push(walker.currentNode); }
    }
    nodes.forEach(function (node) {
      var found = Array.from(node.data.matchAll(MOMENT)).reverse();
      found.forEach(function (match) { remember(node, match.index, match.index + match[0].length, inWords(match[0])); });
    });
  }
  function wrapHeads() { /* a column headed "time, UTC" */
    document.querySelectorAll("main thead th").forEach(function (head) {
      var walker = document.createTreeWalker(head, NodeFilter.SHOW_TEXT), node = walker.nextNode();
      var at = node ? node.data.search(/\bUTC\b/) : -1;
      if (at >= 0) { remember(node, at, at + 3, called); }
    });
  }

  /* A chart's axes, moved to the zone's clock: plotly.js knows no zones. */
  function moved(value) {
    if (Array.isArray(value)) { return value.map(moved); }
    return typeof value === "string" && AXIS.test(value) ? local(value.replace("T", " ")) : value;
  }
  function everywhere(part) {
    if (typeof part === "string") { return inWords(part).replace(/\}( [^<]*)?\bUTC\b/g, function (found) { return found.replace("UTC", called); }); }
    if (Array.isArray(part)) { return part.map(everywhere); }
    if (part && typeof part === "object") {
      Object.keys(part).forEach(function (key) { part[key] = PLACES.indexOf(key) >= 0 ? moved(part[key]) : everywhere(part[key]); });
    }
    return part;
  }
  function shift(spec) {
    spec.data = everywhere(spec.data);
    spec.layout = everywhere(spec.layout);
    return spec;
  }

  function show(local, button) {
    if (local && !wrapped) {
      ["main", "footer"].forEach(function (name) { document.querySelectorAll(name).forEach(wrap); });
      wrapHeads();
      wrapped = true;
    }
    document.querySelectorAll(".moment").forEach(function (place) { place.textContent = local ? place.dataset.local : place.dataset.utc; });
    window.virality.shift = local ? shift : null;
    button.textContent = local ? "UTC" : called;
    button.setAttribute("aria-label", "Show times in " + button.textContent);
  }
  /* Called by report.js once the page stands and before it draws. */
  window.virality.zone = function () {
    var button = document.getElementById("zone");
    zone = document.documentElement.dataset.zone || (window.viralityRun && window.viralityRun.zone) || "UTC";
    if (!button || zone === "UTC") { return; }
    try {
      clock = new Intl.DateTimeFormat("en-GB", {timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit",
                                                day: "2-digit", hour: "2-digit", minute: "2-digit"});
    } catch (error) { return; } /* a zone this browser does not know: UTC it stays */
    called = zone.split("/").pop().replace(/_/g, " ") + " time";
    var chosen = false;
    try { chosen = window.localStorage.getItem("virality-zone") === zone; } catch (error) { /* not kept */ }
    button.hidden = false;
    button.addEventListener("click", function () {
      chosen = !chosen;
      try { window.localStorage.setItem("virality-zone", chosen ? zone : "UTC"); } catch (error) { /* not kept */ }
      show(chosen, button);
      window.virality.drawAll();
    });
    show(chosen, button);
  };
})();
