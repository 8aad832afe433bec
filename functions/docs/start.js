// Shows the contract with Swagger UI. A file of its own, because the page allows no inline script.

const place = document.getElementById("docs");

async function start() {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const contract = await response.json();
  // Where this page is, the service is: behind a stage or under a path of a custom domain, too.
  const root = new URL("../..", document.baseURI).href.replace(/\/$/, "");
  contract.servers = [{ url: root }];
  window.SwaggerUIBundle({
    domNode: place,
    spec: contract,
    deepLinking: true,
    displayRequestDuration: true,
    // The schemas are shown with the operations; the list of all of them is long, so it begins closed.
    defaultModelsExpandDepth: 0,
    // It would send the contract's address to a service elsewhere.
    validatorUrl: null,
  });
}

start().catch((error) => {
  place.textContent = `The contract cannot be shown: ${error.message}.`;
});
