"""Make gateway/openapi.yaml from the gateway's routes and the declarations of the services' responders."""
