"use strict";

const kept = document.cookie.includes("KEYCLOAK_3P_COOKIE");
document.cookie = "KEYCLOAK_3P_COOKIE_SAMESITE=; Max-Age=0; SameSite=None; Secure";
document.cookie = "KEYCLOAK_3P_COOKIE=; Max-Age=0";
parent.postMessage(kept ? "supported" : "unsupported", "*");
