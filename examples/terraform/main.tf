terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0" # the first in which a resource names its region
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.0"
    }
  }
}

locals {
  copies = {
    for pair in setproduct(["checkout", "invoices"], ["eu-west-2", "ap-southeast-1"]) :
    join("-", pair) => { service = pair[0], region = pair[1] }
  }
}

data "archive_file" "code" {
  type        = "zip"
  output_path = "${path.module}/code.zip"
  source {
    filename = "index.mjs"
    content  = "export const handler = async () => 'done';"
  }
}

resource "aws_iam_role" "service" {
  name = "bookstore-service"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_function" "service" {
  for_each         = local.copies
  region           = each.value.region
  function_name    = each.key
  role             = aws_iam_role.service.arn
  runtime          = "nodejs22.x"
  handler          = "index.handler"
  filename         = data.archive_file.code.output_path
  source_code_hash = data.archive_file.code.output_base64sha256
  memory_size      = 256
  environment {
    variables = { ORDERS_TABLE = "orders" }
  }
  tags = {
    project = "bookstore"
    service = each.value.service
  }
}
