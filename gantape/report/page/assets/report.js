(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const live = read("live");

  // What a reader has chosen outlasts a reload of the page.
  const key = `gantape:${location.pathname}`;
  const memory = (() => {
    try {
      return JSON.parse(sessionStorage.getItem(key)) || {};
    } catch {
      return {};
    }
  })();
  const remember = () => {
    try {
      sessionStorage.setItem(key, JSON.stringify(memory));
    } catch {
      // Without storage the page begins anew.
    }
  };

  // Curves, and in each a line at the step that the pictures show. A finger on a chart scrolls the page; a mouse zooms.
  const places = [...document.querySelectorAll(".chart")];
  const touched = matchMedia("(pointer: coarse)").matches;
  read("charts").forEach(({ data, layout }, place) =>
    Plotly.newPlot(places[place], data, { ...layout, dragmode: touched ? false : "zoom" }, { displayModeBar: false, responsive: true }),
  );
  let marking = null;
  const mark = (step) => {
    clearTimeout(marking);
    marking = setTimeout(() => {
      for (const chart of places) Plotly.relayout(chart, { "shapes[0].visible": true, "shapes[0].x0": step, "shapes[0].x1": step });
    }, 50);
  };

  // Pictures by step.
  memory.series ||= {};
  for (const figure of document.querySelectorAll(".series")) {
    const images = [...figure.querySelectorAll("img")];
    const output = figure.querySelector("output");
    const slider = figure.querySelector("input");
    const button = figure.querySelector(".play");
    if (!slider) continue;
    const labels = images.map((image) => image.alt.slice(figure.dataset.name.length + 2));
    const chosen = (memory.series[figure.dataset.name] ||= { label: null, playing: false });
    let timer = null;
    const show = (place) => {
      images.forEach((image, number) => (image.hidden = number !== place));
      output.textContent = labels[place];
      mark(Number(labels[place].replace(/\D/g, "")));
      slider.value = place;
      slider.setAttribute("aria-valuetext", labels[place]);
      // Whoever looks at the newest picture goes on to see the newest.
      chosen.label = place === images.length - 1 ? null : labels[place];
      remember();
    };
    const play = (on) => {
      clearInterval(timer);
      chosen.playing = on;
      button.textContent = on ? "❚❚" : "▶\uFE0E";
      button.setAttribute("aria-label", on ? "Pause" : "Play");
      if (on) timer = setInterval(() => show((Number(slider.value) + 1) % images.length), 450);
      remember();
    };
    slider.addEventListener("input", () => {
      play(false);
      show(Number(slider.value));
    });
    button.addEventListener("click", () => play(!chosen.playing));
    const before = labels.indexOf(chosen.label);
    show(before < 0 ? images.length - 1 : before);
    if (chosen.playing) play(true);
  }

  // Commands.
  if (navigator.clipboard) {
    for (const button of document.querySelectorAll(".copy")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = "Copy"), 1500);
      });
    }
  }

  // The page of a run that goes on is loaded anew, and shown where it was.
  history.scrollRestoration = "manual";
  if (memory.scroll) scrollTo(0, memory.scroll);
  let held = false;
  addEventListener("pointerdown", () => (held = true));
  addEventListener("pointerup", () => (held = false));
  addEventListener("pointercancel", () => (held = false));
  addEventListener("pagehide", () => {
    memory.scroll = scrollY;
    remember();
  });
  if (!live.running) return;
  const news = document.getElementById("news");
  const words = (seconds) => (seconds < 90 ? `${Math.round(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`);
  const loaded = Date.now();
  const look = () => {
    const age = Math.max(0, Date.now() / 1000 - live.updated);
    if (age > live.silentSeconds) {
      clearInterval(watch);
      document.querySelector(".pill").className = "pill warning";
      document.querySelector(".pill").textContent = "No news";
      news.textContent = `The run has written nothing for ${words(age)}: its process has evidently ended. This page has stopped reloading itself.`;
      return;
    }
    news.textContent = `Written ${words(age)} ago; this page reloads itself.`;
    const due = Date.now() - loaded > 1000 * live.reloadSeconds;
    if (due && !held && !document.hidden) location.reload();
  };
  const watch = setInterval(look, 1000);
  look();
})();
