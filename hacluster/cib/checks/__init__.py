"""The checks that `hacluster.cib.validate` puts together, one module for each part of a configuration."""
