// A cookie is set here and read by the next page: then the browser keeps cookies of frames.
storageAccess().then((may) => {
  if (!may) {
    parent.postMessage("unsupported", "*");
    return;
  }
  document.cookie = "KEYCLOAK_3P_COOKIE_SAMESITE=supported; Max-Age=60; SameSite=None; Secure";
  document.cookie = "KEYCLOAK_3P_COOKIE=supported; Max-Age=60";
  location.replace("step2.html");
});
