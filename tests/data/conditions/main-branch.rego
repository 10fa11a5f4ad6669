package slsa

# What is built from anything but the main branch, or by hand, does not run. What is not stated is neither.

deny contains "not built from the main branch" if not is_main

deny contains "not started by a push" if not is_pushed

parameters := input.predicate.buildDefinition.externalParameters

is_main if parameters.codeMetadata.branch == "main"

is_pushed if parameters.triggerMetadata.triggerType == "webhook"
