"""Print-to-pin: the service, the command line and the jobs around the watermark codec."""
