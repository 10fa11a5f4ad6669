module example.invalid/policycontroller

go 1.26

require github.com/sigstore/policy-controller v0.13.1
