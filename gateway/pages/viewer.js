// Swagger UI's own start-up script, in a file because the page's policy allows no script in the page.
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  validatorUrl: "none",
});
