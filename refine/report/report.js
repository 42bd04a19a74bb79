"use strict";
// One swipe per element [data-viewer]: a boundary between two layers, a choice of layers, zoom, and the matching legend.
// Beside it: wide tables can be scrolled with the keyboard, and paper shows what is closed on the screen.
(() => {
  const ZOOMS = [1, 2, 4, 8];
  const STEP = 2, LEAP = 10; // percent per key press

  function setUp(viewer) {
    const frame = viewer.querySelector(".frame");
    const scroll = viewer.querySelector(".scroll");
    const stage = viewer.querySelector(".stage");
    const handle = viewer.querySelector(".handle");
    const layers = new Map([...viewer.querySelectorAll(".layer")].map((layer) => [layer.dataset.layer, layer]));
    const overlay = viewer.querySelector(".overlay");
    const overlayBox = viewer.querySelector("[data-overlay]");
    const selects = { left: viewer.querySelector('[data-side="left"]'), right: viewer.querySelector('[data-side="right"]') };
    const scale = viewer.querySelector(".scale");
    const scaleShare = JSON.parse(scale.dataset.scale).share;
    const scaleMetres = scale.textContent;
    let at = 50, zoom = 1;

    const title = (side) => layers.get(selects[side].value).querySelector("figcaption").textContent;

    function place() {
      const cut = scroll.scrollLeft + (at / 100) * scroll.clientWidth;
      stage.style.setProperty("--cut", `${cut}px`);
      handle.style.setProperty("--at", `${at}%`);
      handle.setAttribute("aria-valuenow", String(Math.round(at)));
      handle.setAttribute("aria-valuetext", `${Math.round(at)} percent: ${title("left")} to the left, ${title("right")} to the right`);
    }

    function moveTo(percent) {
      at = Math.min(100, Math.max(0, percent));
      place();
    }

    function moveToPointer(event) {
      const box = scroll.getBoundingClientRect();
      moveTo((100 * (event.clientX - box.left)) / scroll.clientWidth);
    }

    function choose() {
      const chosen = { left: selects.left.value, right: selects.right.value };
      for (const [name, layer] of layers) {
        layer.hidden = name !== chosen.left && name !== chosen.right;
        layer.classList.toggle("on-left", name === chosen.left && chosen.left !== chosen.right);
        layer.classList.toggle("on-right", name === chosen.right && chosen.left !== chosen.right);
      }
      const keys = new Set(Object.values(chosen).map((name) => layers.get(name).dataset.key));
      if (overlay && overlayBox.checked) keys.add("classes");
      for (const key of viewer.querySelectorAll(".key")) key.hidden = !keys.has(key.dataset.key);
      viewer.querySelector(".at-left").textContent = title("left");
      viewer.querySelector(".at-right").textContent = title("right");
      place();
    }

    function zoomBy(direction) {
      const next = ZOOMS[ZOOMS.indexOf(zoom) + direction];
      if (next === undefined) return;
      // What lies in the middle stays in the middle.
      const middle = [scroll.scrollLeft + scroll.clientWidth / 2, scroll.scrollTop + scroll.clientHeight / 2].map((v) => v * next / zoom);
      zoom = next;
      stage.style.setProperty("--zoom", String(zoom));
      frame.classList.toggle("zoomed", zoom > 1);
      scroll.scrollLeft = middle[0] - scroll.clientWidth / 2;
      scroll.scrollTop = middle[1] - scroll.clientHeight / 2;
      viewer.querySelector(".zoom output").textContent = `${zoom}×`;
      viewer.querySelector('[data-zoom="-1"]').disabled = zoom === ZOOMS[0];
      viewer.querySelector('[data-zoom="1"]').disabled = zoom === ZOOMS[ZOOMS.length - 1];
      drawScale();
      place();
    }

    function drawScale() {
      // The bar keeps its length on the page, so the ground it spans shrinks with the zoom.
      const [number, unit] = scaleMetres.split(" ");
      const metres = (unit === "km" ? 1000 : 1) * Number(number) / zoom;
      scale.style.width = `${100 * scaleShare}%`;
      scale.textContent = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
    }

    const moves = new Map([
      ["ArrowLeft", -STEP], ["ArrowDown", -STEP], ["ArrowRight", STEP], ["ArrowUp", STEP], ["PageDown", -LEAP], ["PageUp", LEAP],
    ]);
    handle.addEventListener("keydown", (event) => {
      if (event.key === "Home") moveTo(0);
      else if (event.key === "End") moveTo(100);
      else if (moves.has(event.key)) moveTo(at + moves.get(event.key) * (event.shiftKey ? LEAP / STEP : 1));
      else return;
      event.preventDefault();
    });
    // Without zoom the picture itself can be dragged; with zoom it scrolls, and only the handle drags.
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || (zoom > 1 && !handle.contains(event.target))) return;
      frame.setPointerCapture(event.pointerId);
      moveToPointer(event);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    frame.addEventListener("pointermove", (event) => {
      if (frame.hasPointerCapture(event.pointerId)) moveToPointer(event);
    });
    scroll.addEventListener("scroll", place, { passive: true });
    window.addEventListener("resize", place);
    for (const select of Object.values(selects)) select.addEventListener("change", choose);
    if (overlayBox) overlayBox.addEventListener("change", () => { overlay.hidden = !overlayBox.checked; choose(); });
    for (const button of viewer.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => zoomBy(Number(button.dataset.zoom)));
    }
    const apart = viewer.querySelector("[data-apart]");
    apart.addEventListener("click", () => {
      const pressed = viewer.classList.toggle("apart");
      apart.setAttribute("aria-pressed", String(pressed));
      place();
    });
    viewer.querySelector('[data-zoom="-1"]').disabled = true;
    choose();
  }

  // What scrolls can be reached and scrolled with the keyboard, under its name; what does not is no stop on the way.
  function offerScrolling(element) {
    const scrolls = element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight + 1;
    for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", element.dataset.scrolls]]) {
      if (scrolls) element.setAttribute(name, value);
      else element.removeAttribute(name);
    }
  }

  function watchScrolling(element) {
    // Its own size changes with the window and where a closed part opens, that of its content with zoom.
    const watcher = new ResizeObserver(() => offerScrolling(element));
    watcher.observe(element);
    watcher.observe(element.firstElementChild);
    offerScrolling(element);
  }

  // Paper cannot be clicked: what is closed is printed open, and closed again afterwards.
  function printWhole() {
    let opened = [];
    window.addEventListener("beforeprint", () => {
      opened = [...document.querySelectorAll("details:not([open])")];
      for (const details of opened) details.open = true;
    });
    window.addEventListener("afterprint", () => {
      for (const details of opened) details.open = false;
      opened = [];
    });
  }

  document.querySelectorAll("[data-viewer]").forEach(setUp);
  document.querySelectorAll("[data-scrolls]").forEach(watchScrolling);
  printWhole();
})();
