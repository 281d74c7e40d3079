from typing import Annotated

from pydantic import Field, SecretStr

from gateway.models.base import Answer, Given, Id, ShortText, Time

Password = Annotated[SecretStr, Field(max_length=1000)]


class Register(Given):
    username: Annotated[str, Field(max_length=200)]
    password: Password
    business_name: ShortText | None = None
    """Named after the user when left out."""


class Login(Given):
    username: Annotated[str, Field(max_length=200)]
    password: Password


class SessionToken(Answer):
    token: str
    expires_at: Time


class User(Answer):
    id: int
    username: str


class Business(Answer):
    id: int
    name: str


class BusinessChoice(Business):
    current: bool


class Session(Answer):
    user: User
    business: Business
    businesses: list[BusinessChoice]
    expires_at: Time


class SwitchBusiness(Given):
    business_id: Id


class NewBusiness(Given):
    name: ShortText
