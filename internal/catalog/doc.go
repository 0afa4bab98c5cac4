// Package catalog knows the tables that records are converted to: from AWS Glue, or from a folder of table definitions.
package catalog
