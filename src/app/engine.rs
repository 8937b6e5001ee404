//! Lets the daemon run jobs of the configuration in force.
