#!/bin/sh
# In front of the real helm: charts of Docker Hub come from the node's own registry, which speaks plain HTTP.
for word; do
  shift
  case $word in
    oci://registry-1.docker.io/*) set -- "$@" "oci://$REGISTRY/${word#oci://registry-1.docker.io/}" --plain-http ;;
    *) set -- "$@" "$word" ;;
  esac
done
exec "$HELM" "$@"
