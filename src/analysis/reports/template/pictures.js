/* Draws each chart once while the page is built and leaves it as an SVG, in base64, in the document. */
(function () {
  "use strict";
  var ink = "#1d2329", line = "#dfe3e8";
  function picture(chart, templates) {
    var target = document.createElement("div");
    document.body.appendChild(target);
    var layout = Object.assign({}, chart.layout, {template: templates[chart.template], width: 960, height: chart.height,
                                                  paper_bgcolor: "#fff", plot_bgcolor: "#fff"});
    layout.margin = Object.assign({t: 36, r: 16, b: 48, l: 56}, layout.margin);
    layout.font = Object.assign({}, layout.font, {color: ink, family: "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"});
    Object.keys(layout).filter(function (key) { return /^[xy]axis\d*$/.test(key); }).forEach(function (key) {
      layout[key] = Object.assign({gridcolor: line}, layout[key]);
    });
    return window.Plotly.newPlot(target, window.virality.unpack(chart.data), layout, {staticPlot: true}).then(function () {
      return window.Plotly.toImage(target, {format: "svg", width: 960, height: chart.height});
    }).then(function (address) {
      var svg = decodeURIComponent(address.slice(address.indexOf(",") + 1));
      var bytes = new TextEncoder().encode(svg), text = "";
      bytes.forEach(function (byte) { text += String.fromCharCode(byte); });
      var out = document.createElement("pre");
      out.id = chart.name;
      out.textContent = btoa(text);
      target.remove();
      document.body.appendChild(out);
    }, function () { target.remove(); });
  }
  var all = JSON.parse(document.getElementById("charts").textContent);
  all.charts.reduce(function (before, chart) {
    return before.then(function () { return picture(chart, all.templates); });
  }, Promise.resolve()).then(function () { document.body.dataset.done = "yes"; });
})();
