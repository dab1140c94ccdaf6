"""One figure a function: a result in, a Plotly figure out. Charts compute nothing."""
