"use strict";

// The code stands after the # of the address, which browsers send nowhere.
function take() {
  const code = location.hash.slice(1);
  if (!/^[0-9A-Z]{8,40}$/.test(code)) return;
  history.replaceState(null, "", location.pathname);
  document.getElementById("code").value = code;
  document.forms[0].submit();
}

window.addEventListener("hashchange", take);
take();
