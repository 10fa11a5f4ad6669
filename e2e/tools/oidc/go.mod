module example.invalid/oidc

go 1.26.0
