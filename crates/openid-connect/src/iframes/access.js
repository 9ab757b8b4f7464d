"use strict";

// Whether this frame may use its cookies within the page of another site. Older browsers cannot tell: they just try.
async function storageAccess() {
  if (!document.hasStorageAccess || (await document.hasStorageAccess())) {
    return true;
  }
  try {
    await document.requestStorageAccess();
    return true;
  } catch {
    return false;
  }
}

