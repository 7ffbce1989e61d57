"""The controllers that make pods of Deployments, StatefulSets, DaemonSets, Jobs and CronJobs."""
