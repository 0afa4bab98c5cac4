// Package lambda has records transformed by an AWS Lambda function.
package lambda
